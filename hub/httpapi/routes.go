package httpapi

import (
	"net/http"

	"github.com/cronium/cronium/hub/authz"
)

const base = "/api/v1"

// routes is the one table: there is no other way to reach a handler.
func (a *API) routes() []*route {
	all := [][]*route{a.accountRoutes(), a.jobRoutes(), a.runRoutes(), a.scheduleRoutes(), a.hostRoutes(), a.consoleRoutes(), a.plainRoutes()}
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
		a.rawLogRoute(),
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
		within("POST", "/hosts/join-tokens", authz.HostEdit, doc{"createJoinToken", "hosts", "Make a token with which an agent enrols", 201}, handle(a.createJoinToken)).takes(smallBody),
	}
}
