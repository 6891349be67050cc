package httpapi

import (
	"fmt"
	"strings"

	"github.com/cronium/cronium/hub/job"
	"github.com/cronium/cronium/hub/schedule"
	"github.com/cronium/cronium/sdk/problem"
	"github.com/cronium/cronium/sdk/request"
	"github.com/cronium/cronium/sdk/schema"
)

// definition is the body of a put as the room wants it.
func definition(d JobDefinition) job.Definition {
	return job.Definition{Name: d.Metadata.Name, Labels: d.Metadata.Labels, Spec: jobSpec(d.Spec.JobSpec)}
}

func jobSpec(s JobSpec) job.Spec {
	spec := job.Spec{
		HTTP: httpRequest(s.HTTP), Timeout: s.Timeout, Env: s.Env, Secrets: s.Secrets, Dependencies: s.Dependencies,
	}
	if s.Script != nil {
		spec.Script = job.Script(*s.Script)
	}
	if s.Inputs != nil {
		spec.Inputs = schema.Inputs{}
	}
	for name, in := range s.Inputs {
		in.Default = plainNumber(in.Default)
		for i, v := range in.Enum {
			in.Enum[i] = plainNumber(v)
		}
		spec.Inputs[name] = schema.Input(in)
	}
	if s.Target != nil {
		spec.Target = job.Target(*s.Target)
	}
	if s.FanOut != nil {
		f := job.FanOut(*s.FanOut)
		spec.FanOut = &f
	}
	if s.Retries != nil {
		r := job.Retries(*s.Retries)
		spec.Retries = &r
	}
	if s.Container != nil {
		c := job.Container(*s.Container)
		spec.Container = &c
	}
	if s.Limits != nil {
		l := job.Limits(*s.Limits)
		spec.Limits = &l
	}
	return spec
}

func showSpec(s job.Spec) JobSpec {
	shown := JobSpec{
		HTTP: showRequest(s.HTTP), Timeout: s.Timeout, Env: s.Env, Secrets: s.Secrets, Dependencies: s.Dependencies,
	}
	if s.HTTP == nil {
		script := JobScript(s.Script)
		shown.Script = &script
	}
	if len(s.Inputs) > 0 {
		shown.Inputs = map[string]Input{}
	}
	for name, in := range s.Inputs {
		shown.Inputs[name] = Input(in)
	}
	if len(s.Target.Labels) > 0 || len(s.Target.All()) > 0 {
		t := JobTarget(s.Target)
		shown.Target = &t
	}
	if s.FanOut != nil {
		f := JobFanOut(*s.FanOut)
		shown.FanOut = &f
	}
	if s.Retries != nil {
		r := JobRetries(*s.Retries)
		shown.Retries = &r
	}
	if s.Container != nil {
		c := JobContainer(*s.Container)
		shown.Container = &c
	}
	if s.Limits != nil {
		l := JobLimits(*s.Limits)
		shown.Limits = &l
	}
	return shown
}

// httpRequest is the request of an HTTP job as the room wants it.
func httpRequest(h *JobHTTP) *request.Request {
	if h == nil {
		return nil
	}
	r := &request.Request{Method: h.Method, URL: h.URL, Query: h.Query, Headers: h.Headers, Body: h.Body, JSON: h.JSON,
		Redirects: h.Redirects, Proxy: h.Proxy}
	if h.Auth != nil {
		a := request.Auth(*h.Auth)
		r.Auth = &a
	}
	if h.Expect != nil {
		e := request.Expect(*h.Expect)
		r.Expect = &e
	}
	return r
}

func showRequest(r *request.Request) *JobHTTP {
	if r == nil {
		return nil
	}
	h := &JobHTTP{Method: r.Method, URL: r.URL, Query: r.Query, Headers: r.Headers, Body: r.Body, JSON: r.JSON, Redirects: r.Redirects, Proxy: r.Proxy}
	if r.Auth != nil {
		a := JobHTTPAuth(*r.Auth)
		h.Auth = &a
	}
	if r.Expect != nil {
		e := JobHTTPExpect(*r.Expect)
		h.Expect = &e
	}
	return h
}

// checkScheduleInputs refuses what would make every fire of a schedule fail, and
// secrets: a schedule's inputs are kept in clear.
func checkScheduleInputs(inputs schema.Inputs, wishes []ScheduleWish) error {
	for i, w := range wishes {
		field := fmt.Sprintf("spec.schedules[%d].inputs", i)
		for name := range w.Inputs {
			if inputs[name].Secret {
				return ErrSecretInSchedule.With("Schedule %s gives the secret input %s", w.Name, name).At(field + "." + name)
			}
		}
		_, err := inputs.Resolve(plainNumbers(w.Inputs))
		if p, known := problem.As(err); known {
			return p.With("Schedule %s: %s", w.Name, p.Detail).At(field + strings.TrimPrefix(p.Field, "inputs"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func scheduleDefinitions(wishes []ScheduleWish) []schedule.Definition {
	definitions := make([]schedule.Definition, len(wishes))
	for i, w := range wishes {
		w.Inputs = plainNumbers(w.Inputs)
		definitions[i] = schedule.Definition(w)
	}
	return definitions
}

func showWarnings(warnings []job.Warning) []Warning {
	shown := make([]Warning, len(warnings))
	for i, w := range warnings {
		shown[i] = Warning(w)
	}
	return shown
}
