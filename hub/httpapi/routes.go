package httpapi

import (
	"net/http"

	"github.com/cronium/cronium/hub/authz"
)

const base = "/api/v1"

// routes is the one table: there is no other way to reach a handler.
func (a *API) routes() []*route {
	all := [][]*route{a.accountRoutes(), a.projectRoutes(), a.jobRoutes(), a.runRoutes(), a.scheduleRoutes(), a.hostRoutes(), a.serverRoutes(),
		a.variableRoutes(), a.consoleRoutes(), a.plainRoutes()}
	var table []*route
	for _, some := range all {
		table = append(table, some...)
	}
	return table
}

// open is a public route of the API.
func open(method, path string, rate rateClass, d doc, h typedHandler) *route {
	r := &route{method: method, pattern: base + path, auth: public, scope: scopeNone, rate: rate, doc: &d, typed: h}
	return r.shaped()
}

// own is a route that touches only what belongs to the caller.
func own(method, path string, d doc, h typedHandler) *route {
	r := &route{method: method, pattern: base + path, auth: signedIn, scope: scopeSelf, doc: &d, typed: h}
	return r.shaped()
}

// within is a route of a project.
func within(method, path string, action authz.Action, d doc, h typedHandler) *route {
	r := &route{method: method, pattern: base + "/projects/{project}" + path, auth: signedIn, scope: scopeProject, action: action, doc: &d, typed: h}
	return r.shaped()
}

// shaped fills what follows from the method; a route that differs says so with
// the methods below.
func (r *route) shaped() *route {
	r.body = noBody
	if r.method == http.MethodGet {
		r.change = reads
	} else {
		r.change = changes
	}
	if r.rate == 0 {
		r.rate = map[change]rateClass{reads: rateRead, changes: rateWrite}[r.change]
	}
	return r
}

// takes sets the body limit of a route whose body matters.
func (r *route) takes(limit int64) *route {
	r.body = limit
	return r
}

// harmless marks a route that is no GET and changes nothing.
func (r *route) harmless() *route {
	r.change, r.rate = reads, rateRead
	return r
}

func (a *API) accountRoutes() []*route {
	return []*route{
		open("GET", "/setup", rateRead, doc{"getSetup", "account", "Is the first administrator missing?", 0}, handle(a.getSetup)),
		open("POST", "/setup", rateLogin, doc{"setUp", "account", "Make the first administrator and sign in", 0}, handle(a.setUp)).takes(smallBody),
		open("POST", "/auth/login", rateLogin, doc{"login", "account", "Sign in: sets the session cookie", 0}, handle(a.login)).takes(smallBody),
		own("POST", "/auth/logout", doc{"logout", "account", "Sign out", 0}, handle(a.logout)),
		own("GET", "/me", doc{"getMe", "account", "Who am I?", 0}, handle(a.getMe)),
		own("GET", "/tokens", doc{"listTokens", "account", "List my API tokens", 0}, handle(a.listTokens)),
		own("POST", "/tokens", doc{"createToken", "account", "Make an API token", 201}, handle(a.createToken)).takes(smallBody),
		own("DELETE", "/tokens/{id}", doc{"revokeToken", "account", "Revoke an API token", 0}, handle(a.revokeToken)),
	}
}

func (a *API) projectRoutes() []*route {
	return []*route{
		within("GET", "/settings", authz.ProjectRead, doc{"getProjectSettings", "projects", "Show the settings of a project", 0}, handle(a.getProjectSettings)),
		within("PUT", "/settings", authz.ProjectEdit, doc{"putProjectSettings", "projects", "Replace the settings of a project", 0}, handle(a.putProjectSettings)).takes(smallBody),
	}
}

func (a *API) jobRoutes() []*route {
	return []*route{
		within("GET", "/jobs", authz.JobRead, doc{"listJobs", "jobs", "List jobs", 0}, handle(a.listJobs)),
		within("GET", "/jobs/{job}", authz.JobRead, doc{"getJob", "jobs", "Show a job", 0}, handle(a.getJob)),
		within("PUT", "/jobs/{job}", authz.JobEdit, doc{"putJob", "jobs", "Create or change a job", 0}, handle(a.putJob)).takes(jobBody),
		within("DELETE", "/jobs/{job}", authz.JobEdit, doc{"archiveJob", "jobs", "Archive a job", 0}, handle(a.archiveJob)),
		within("POST", "/jobs/{job}/pause", authz.JobEdit, doc{"pauseJob", "jobs", "Pause a job: its schedules do not fire", 0}, handle(a.pauseJob)),
		within("POST", "/jobs/{job}/resume", authz.JobEdit, doc{"resumeJob", "jobs", "Resume a job", 0}, handle(a.resumeJob)),
		within("GET", "/jobs/{job}/versions", authz.JobRead, doc{"listJobVersions", "jobs", "List the versions of a job", 0}, handle(a.listJobVersions)),
		within("POST", "/jobs/{job}/runs", authz.JobRun, doc{"startRun", "jobs", "Start a run", 202}, handle(a.startRun)).takes(jobBody),
	}
}

func (a *API) runRoutes() []*route {
	return []*route{
		within("GET", "/runs", authz.RunRead, doc{"listRuns", "runs", "List runs, newest first", 0}, handle(a.listRuns)),
		within("GET", "/runs/{run}", authz.RunRead, doc{"getRun", "runs", "Show a run", 0}, handle(a.getRun)),
		within("POST", "/runs/{run}/cancel", authz.RunCancel, doc{"cancelRun", "runs", "Cancel a run", 202}, handle(a.cancelRun)),
		within("GET", "/runs/{run}/log", authz.RunRead, doc{"getRunLog", "runs", "Read a window of a log, by line", 0}, handle(a.getRunLog)),
		within("GET", "/runs/{run}/output", authz.RunRead, doc{"getRunOutput", "runs", "Read the output of a run: the JSON that its script has set", 0}, handle(a.getRunOutput)),
		within("GET", "/runs/{run}/log/targets", authz.RunRead,
			doc{"getTargetsLog", "runs", "Read the logs of all targets of a run that fans out, merged", 0}, handle(a.getTargetsLog)),
		a.rawLogRoute(),
		within("GET", "/runs/{run}/artifacts", authz.RunRead, doc{"listRunArtifacts", "runs", "List the artifacts of a run, by name", 0}, handle(a.listArtifacts)),
		a.artifactRoute(),
	}
}

func (a *API) scheduleRoutes() []*route {
	return []*route{
		within("GET", "/schedules", authz.ScheduleRead, doc{"listSchedules", "schedules", "List schedules", 0}, handle(a.listSchedules)),
		within("GET", "/schedules/{schedule}", authz.ScheduleRead, doc{"getSchedule", "schedules", "Show a schedule", 0}, handle(a.getSchedule)),
		within("POST", "/schedules/{schedule}/pause", authz.ScheduleEdit, doc{"pauseSchedule", "schedules", "Pause a schedule", 0}, handle(a.pauseSchedule)),
		within("POST", "/schedules/{schedule}/resume", authz.ScheduleEdit, doc{"resumeSchedule", "schedules", "Resume a schedule", 0}, handle(a.resumeSchedule)),
		within("GET", "/schedules/{schedule}/fires", authz.ScheduleRead, doc{"listFires", "schedules", "List what became of each due time", 0}, handle(a.listFires)),
		own("POST", "/schedules/preview", doc{"previewSchedule", "schedules", "Say what a cron text means", 0}, handle(a.previewSchedule)).takes(smallBody).harmless(),
	}
}

func (a *API) hostRoutes() []*route {
	return []*route{
		within("GET", "/hosts", authz.HostRead, doc{"listHosts", "hosts", "List hosts", 0}, handle(a.listHosts)),
		within("GET", "/hosts/{host}", authz.HostRead, doc{"getHost", "hosts", "Show a host", 0}, handle(a.getHost)),
		within("DELETE", "/hosts/{host}", authz.HostEdit, doc{"revokeHost", "hosts", "Revoke a host's certificates and cut it off", 0}, handle(a.revokeHost)),
		within("POST", "/hosts/{host}/drain", authz.HostEdit, doc{"drainHost", "hosts", "Give a host nothing new; what it runs goes on", 0}, handle(a.drainHost)),
		within("POST", "/hosts/{host}/resume", authz.HostEdit, doc{"resumeHost", "hosts", "Give a drained host work again", 0}, handle(a.resumeHost)),
		within("POST", "/hosts/{host}/upgrade", authz.HostEdit, doc{"upgradeHost", "hosts", "Upgrade a host's agent to the version that this hub has", 202}, handle(a.upgradeHost)),
		within("POST", "/hosts/join-tokens", authz.HostEdit, doc{"createJoinToken", "hosts", "Make a token with which an agent enrols", 201}, handle(a.createJoinToken)).takes(smallBody),
	}
}

func (a *API) serverRoutes() []*route {
	return []*route{
		within("GET", "/servers", authz.HostRead, doc{"listServers", "servers", "List servers", 0}, handle(a.listServers)),
		within("POST", "/servers", authz.ServerEdit, doc{"addServer", "servers", "Add a server", 201}, handle(a.addServer)).takes(smallBody),
		within("GET", "/servers/{server}", authz.HostRead, doc{"getServer", "servers", "Show a server", 0}, handle(a.getServer)),
		within("PATCH", "/servers/{server}", authz.ServerEdit, doc{"editServer", "servers", "Change what is given", 0}, handle(a.editServer)).takes(smallBody),
		within("DELETE", "/servers/{server}", authz.ServerEdit, doc{"removeServer", "servers", "Remove an archived server before its time", 0}, handle(a.removeServer)),
		within("GET", "/servers/{server}/impact", authz.HostRead, doc{"getServerImpact", "servers", "List what needs a server", 0}, handle(a.getServerImpact)),
		within("POST", "/servers/{server}/check", authz.ServerUse, doc{"checkServer", "servers", "Test the connection now, at most 25 s", 0}, handle(a.checkServer)),
		within("POST", "/servers/{server}/trust", authz.ServerEdit, doc{"trustServer", "servers", "Confirm the host key that the server showed", 0}, handle(a.trustServer)).takes(smallBody),
		within("POST", "/servers/{server}/archive", authz.ServerEdit, doc{"archiveServer", "servers", "Archive a server: its credential is deleted at once", 0}, handle(a.archiveServer)),
		within("POST", "/servers/{server}/restore", authz.ServerEdit, doc{"restoreServer", "servers", "Restore an archived server with a new credential", 0}, handle(a.restoreServer)).takes(smallBody),
	}
}

func (a *API) variableRoutes() []*route {
	return []*route{
		within("GET", "/variables", authz.VariableRead, doc{"listVariables", "variables", "List variables", 0}, handle(a.listVariables)),
		within("GET", "/variables/{variable}", authz.VariableRead, doc{"getVariable", "variables", "Show a variable", 0}, handle(a.getVariable)),
		within("PUT", "/variables/{variable}", authz.VariableEdit, doc{"putVariable", "variables", "Create or change a variable", 0}, handle(a.putVariable)).takes(variableBody),
		within("DELETE", "/variables/{variable}", authz.VariableEdit, doc{"deleteVariable", "variables", "Delete a variable", 0}, handle(a.deleteVariable)),
		within("GET", "/secrets", authz.SecretRead, doc{"listSecrets", "secrets", "List secrets, without their values", 0}, handle(a.listSecrets)),
		within("PUT", "/secrets/{secret}", authz.SecretEdit, doc{"putSecret", "secrets", "Create a secret or give it another value", 0}, handle(a.putSecret)).takes(variableBody),
		within("DELETE", "/secrets/{secret}", authz.SecretEdit, doc{"deleteSecret", "secrets", "Delete a secret", 0}, handle(a.deleteSecret)),
	}
}
