package definition

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/cronium/cronium/sdk/dependency"
	"github.com/cronium/cronium/sdk/request"
	"github.com/cronium/cronium/sdk/schema"
)

const (
	scriptLimit = 1 << 20
	minTimeout  = time.Second
	maxTimeout  = 168 * time.Hour
	maxDelay    = 24 * time.Hour
	maxServers  = 200
	maxTargets  = 1000
)

// job reads one document.
func (r *reader) job(doc *yaml.Node) Job {
	j := Job{Origin: r.at(doc)}
	r.object(doc, "", fields{
		"apiVersion": r.oneOf(&j.APIVersion, APIVersion),
		"kind":       r.oneOf(&j.Kind, KindJob),
		"metadata":   r.nested([]string{"name"}, r.metadata(&j.Metadata)),
		"spec":       func(n *yaml.Node, at string) { r.spec(n, at, &j.Spec) },
	}, "apiVersion", "kind", "metadata", "spec")
	return j
}

func (r *reader) metadata(m *Metadata) fields {
	return fields{
		"name":    r.matching(&m.Name, jobName),
		"project": r.matching(&m.Project, jobName),
		"labels":  r.labels(&m.Labels),
	}
}

func (r *reader) spec(n *yaml.Node, at string, s *Spec) {
	before := len(r.findings)
	r.object(n, at, r.specFields(s))
	r.work(n, at, *s)
	if list := child(n, "dependencies"); list != nil && len(r.findings) == before {
		r.dependencies(list, join(at, "dependencies"), *s)
	}
	if f := child(n, "fan_out"); f != nil && s.Target != nil && s.Target.Server != "" {
		r.found(f, join(at, "fan_out"), "a job that fans out has labels or servers, not one server")
	}
	if http := child(n, "http"); http != nil && len(r.findings) == before {
		r.ruled(http, join(at, "http"), *s)
	}
}

func (r *reader) specFields(s *Spec) fields {
	return fields{
		"http":      func(n *yaml.Node, at string) { s.HTTP = r.http(n, at) },
		"script":    func(n *yaml.Node, at string) { r.script(n, at, &s.Script) },
		"inputs":    func(n *yaml.Node, at string) { r.inputs(n, at, &s.Inputs) },
		"target":    func(n *yaml.Node, at string) { s.Target = r.target(n, at) },
		"fan_out":   func(n *yaml.Node, at string) { s.FanOut = r.fanOut(n, at) },
		"timeout":   r.duration(&s.Timeout, minTimeout, maxTimeout),
		"retries":   func(n *yaml.Node, at string) { s.Retries = r.retries(n, at) },
		"env":       r.texts(&s.Env, envName, freeText, 200),
		"container": func(n *yaml.Node, at string) { s.Container = r.container(n, at) },
		"limits":    func(n *yaml.Node, at string) { s.Limits = r.limits(n, at) },
		"secrets":   r.names(&s.Secrets, secretName, 32),
		"schedules": func(n *yaml.Node, at string) { s.Schedules = r.schedules(n, at) },

		"dependencies": r.names(&s.Dependencies, packageName, dependency.Max),
	}
}

// dependencies checks what is more than a pattern.
func (r *reader) dependencies(n *yaml.Node, at string, s Spec) {
	switch {
	case s.Container != nil:
		r.found(n, at, "packages are installed for processes of hosts, not in containers: use an image that has them")
		return
	case s.Target != nil && (s.Target.Server != "" || len(s.Target.Servers) > 0):
		r.found(n, at, "packages are installed on hosts, not on servers")
		return
	}
	language := s.Script.Language
	if s.HTTP != nil {
		language = request.Language
	}
	_, i, err := dependency.Check(language, s.Dependencies)
	if err == nil {
		return
	}
	if i >= 0 {
		n, at = n.Content[i], fmt.Sprintf("%s[%d]", at, i)
	}
	r.found(n, at, "%s", said(err))
}

func (r *reader) script(n *yaml.Node, at string, s *Script) {
	var source string
	r.object(n, at, fields{
		"language": r.oneOf(&s.Language, "bash", "python", "node"),
		"source":   r.text(&source, scriptLimit),
		"file":     r.text(&s.File, 1024),
	}, "language")
	inline, file := child(n, "source"), child(n, "file")
	switch {
	case n.Kind != yaml.MappingNode:
	case inline != nil && file != nil:
		r.found(file, at, "say either source or file, not both")
	case inline == nil && file == nil:
		r.found(n, at, "script needs source or file")
	case file != nil && s.File != "":
		s.Source = r.scriptFile(file, at+".file", s.File)
	case inline != nil && source != "":
		s.Source = source
		r.checkScript(inline, at+".source", source)
	}
}

func (r *reader) scriptFile(n *yaml.Node, at, name string) string {
	if path.IsAbs(name) || name != path.Clean(name) || strings.HasPrefix(name, "../") || name == ".." || strings.Contains(name, `\`) {
		r.found(n, at, "file %q must be a plain path inside the directory of this file", name)
		return ""
	}
	text, err := readBeside(r.file, name)
	if err != nil {
		r.found(n, at, "script %q cannot be read: %v", name, err)
		return ""
	}
	r.checkScript(n, at, string(text))
	return string(text)
}

func (r *reader) checkScript(n *yaml.Node, at, text string) {
	switch {
	case len(text) > scriptLimit:
		r.found(n, at, "the script is larger than 1 MiB")
	case text == "":
		r.found(n, at, "the script is empty")
	case strings.ContainsRune(text, 0):
		r.found(n, at, "the script contains a NUL character")
	case !utf8.ValidString(text):
		r.found(n, at, "the script is not UTF-8")
	}
}

func (r *reader) target(n *yaml.Node, at string) *Target {
	var t Target
	r.object(n, at, fields{
		"labels": r.labels(&t.Labels), "server": r.matching(&t.Server, jobName),
		"servers": r.names(&t.Servers, jobName, maxServers),
	})
	server, servers := child(n, "server"), child(n, "servers")
	switch labels := child(n, "labels"); {
	case server != nil && labels != nil:
		r.found(server, at, "say either labels or server, not both")
	case servers != nil && labels != nil:
		r.found(servers, at, "say either labels or servers, not both")
	case servers != nil && server != nil:
		r.found(servers, at, "say either server or servers, not both")
	case servers != nil && len(servers.Content) == 0:
		r.found(servers, join(at, "servers"), "servers is empty")
	}
	return &t
}

func (r *reader) fanOut(n *yaml.Node, at string) *FanOut {
	var f FanOut
	r.object(n, at, fields{
		"max_parallel": r.share(&f.MaxParallel, 1),
		"max_failures": r.share(&f.MaxFailures, 0),
		"start_within": r.duration(&f.StartWithin, minTimeout, maxTimeout),
	})
	return &f
}

// share reads a number of targets, or a percentage of them.
func (r *reader) share(dst *string, least int) setter {
	return func(n *yaml.Node, at string) {
		whole, percent := strings.CutSuffix(n.Value, "%")
		most := maxTargets
		if percent {
			most = 100
		}
		v, err := strconv.Atoi(whole)
		if n.Kind != yaml.ScalarNode || err != nil || v < least || v > most || strconv.Itoa(v) != whole {
			r.found(n, at, "%s must be %d to %d, or %d%% to 100%%, not %s", last(at), least, maxTargets, least, quote(n.Value))
			return
		}
		*dst = n.Value
	}
}

func (r *reader) container(n *yaml.Node, at string) *Container {
	var c Container
	r.object(n, at, fields{
		"image":   r.matching(&c.Image, imageRef),
		"pull":    r.oneOf(&c.Pull, "missing", "always", "never"),
		"network": r.matching(&c.Network, networkName),
		"mounts": func(n *yaml.Node, at string) {
			r.items(n, at, 16, func(n *yaml.Node, at string) {
				var name string
				r.matching(&name, jobName)(n, at)
				c.Mounts = append(c.Mounts, name)
			})
		},
	})
	return &c
}

func (r *reader) limits(n *yaml.Node, at string) *Limits {
	var l Limits
	var cpus *float64
	r.object(n, at, fields{
		"memory":    r.matching(&l.Memory, memorySize),
		"cpus":      r.number(&cpus),
		"processes": r.integer(&l.Processes, 1, 100_000),
		"file_size": r.matching(&l.FileSize, memorySize),
		"workspace": r.matching(&l.Workspace, memorySize),
	})
	if cpus != nil {
		if l.CPUs = *cpus; l.CPUs < 0.01 || l.CPUs > 256 {
			r.found(child(n, "cpus"), at+".cpus", "cpus must be 0.01 to 256, not %v", l.CPUs)
		}
	}
	return &l
}

func (r *reader) retries(n *yaml.Node, at string) *Retries {
	var t Retries
	r.object(n, at, fields{
		"max":     r.integer(&t.Max, 0, 20),
		"backoff": r.oneOf(&t.Backoff, "fixed", "linear", "exponential"),
		"delay":   r.duration(&t.Delay, 0, maxDelay),
		"on": func(n *yaml.Node, at string) {
			r.items(n, at, 3, func(n *yaml.Node, at string) {
				var outcome string
				r.oneOf(&outcome, "failed", "timed_out", "lost")(n, at)
				t.On = append(t.On, outcome)
			})
		},
	}, "max")
	return &t
}

func (r *reader) inputs(n *yaml.Node, at string, all *schema.Inputs) {
	before := len(r.findings)
	found := schema.Inputs{}
	r.entries(n, at, 64, func(key, value *yaml.Node, at string) {
		if !inputName.text.MatchString(key.Value) {
			r.found(key, at, "input name %q: %s", key.Value, inputName.words)
		}
		one := r.input(value, at)
		if len(r.findings) == before {
			if err := (schema.Inputs{key.Value: one}).Validate(); err != nil {
				r.found(value, at, "%s", said(err))
			}
		}
		found[key.Value] = one
	})
	*all = found
}

func (r *reader) input(n *yaml.Node, at string) schema.Input {
	var in schema.Input
	r.object(n, at, fields{
		"type":        r.oneOf(&in.Type, "string", "integer", "number", "boolean"),
		"default":     r.scalar(&in.Default),
		"required":    r.boolean(&in.Required),
		"description": r.text(&in.Description, 1024),
		"enum":        r.scalars(&in.Enum, 128),
		"secret":      r.boolean(&in.Secret),
		"minimum":     r.number(&in.Minimum),
		"maximum":     r.number(&in.Maximum),
		"pattern":     r.text(&in.Pattern, 512),
		"max_length":  r.integer(&in.MaxLength, 0, 1<<20),
	}, "type")
	return in
}

func (r *reader) schedules(n *yaml.Node, at string) []Schedule {
	all := []Schedule{}
	names := map[string]int{}
	r.items(n, at, 64, func(n *yaml.Node, at string) {
		var s Schedule
		r.object(n, at, fields{
			"name":     r.matching(&s.Name, jobName),
			"cron":     r.text(&s.Cron, 256),
			"zone":     r.text(&s.Zone, 64),
			"gap":      r.oneOf(&s.Gap, "shift", "skip"),
			"fold":     r.oneOf(&s.Fold, "first", "second", "both"),
			"overlap":  r.oneOf(&s.Overlap, "allow", "skip"),
			"catch_up": r.oneOf(&s.CatchUp, "none", "last", "all"),
			"inputs":   r.given(&s.Inputs),
			"enabled":  func(n *yaml.Node, at string) { s.Enabled = new(bool); r.boolean(s.Enabled)(n, at) },
		}, "name", "cron")
		if line, taken := names[s.Name]; taken && s.Name != "" {
			r.found(n, at, "schedule %q is defined twice; the first is on line %d", s.Name, line)
		}
		names[s.Name] = n.Line
		all = append(all, s)
	})
	return all
}
