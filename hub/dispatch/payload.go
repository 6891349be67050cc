package dispatch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/server"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// InputsAAD is the additional data with which secret inputs of a job's runs are
// sealed. What is sealed is a JSON object of names and values.
func InputsAAD(job uuid.UUID) string { return "run-inputs|" + job.String() }

// versions asks for the versions of all jobs of a batch at once.
func (d *Dispatch) versions(ctx context.Context, claimed []run.Claimed) (map[VersionRef]JobVersion, error) {
	seen := map[VersionRef]bool{}
	var refs []VersionRef
	for _, c := range claimed {
		ref := VersionRef{JobID: c.JobID, Version: c.JobVersion}
		if !seen[ref] {
			seen[ref] = true
			refs = append(refs, ref)
		}
	}
	return d.config.Jobs.Versions(ctx, refs)
}

// assignment makes what an agent gets for one attempt.
func (d *Dispatch) assignment(agent uuid.UUID, c run.Claimed, v JobVersion, way server.Way, project string) (*agentv1.Assignment, error) {
	payload := &runnerv1.Payload{
		Ref:     &runnerv1.Attempt{RunId: c.RunID.String(), Attempt: c.Attempt, Fence: c.Fence},
		Project: project, Job: c.JobName, JobVersion: int32(c.JobVersion), //nolint:gosec // from an integer column
		Script:  &runnerv1.Script{Language: v.Language, Source: v.Source, Sha256: v.SHA256, Dependencies: v.Dependencies},
		Env:     environment(c, v, project),
		Timeout: durationpb.New(v.Timeout), Grace: durationpb.New(v.Grace),
		LogLimitBytes: d.config.LogLimit, InputsJson: c.InputsJSON, Server: way.Server,
	}
	if v.Container != nil {
		payload.Container = &runnerv1.Container{Image: v.Container.Image, Pull: v.Container.Pull, Network: v.Container.Network, Mounts: v.Container.Mounts}
	}
	if l := v.Limits; l != (Limits{}) {
		payload.Limits = &runnerv1.Limits{MemoryBytes: l.MemoryBytes, MilliCpus: l.MilliCPUs, Processes: l.Processes,
			FileBytes: l.FileBytes, WorkspaceBytes: l.WorkspaceBytes}
	}
	signed, err := d.config.Fleet.Sign(agent, payload)
	if err != nil {
		return nil, err
	}
	out := &agentv1.Assignment{Ref: refOf(c.Ref), Payload: signed}
	if len(c.Sealed) > 0 {
		if err := d.addSecrets(out, c); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// addSecrets opens the secret inputs, which are masked wherever they appear.
func (d *Dispatch) addSecrets(out *agentv1.Assignment, c run.Claimed) error {
	plain, err := d.config.Opener.Open(c.Sealed, InputsAAD(c.JobID))
	if err != nil {
		return fmt.Errorf("open secret inputs: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(plain))
	dec.UseNumber()
	var values map[string]any
	if err := dec.Decode(&values); err != nil {
		return fmt.Errorf("read secret inputs: not a JSON object") // the error could quote a value
	}
	out.SecretEnv = make(map[string]string, len(values))
	for name, value := range values {
		text := textOf(value)
		out.SecretEnv[inputVariable(name)] = text
		if text != "" {
			out.Mask = append(out.Mask, []byte(text))
		}
	}
	return nil
}

// environment is what the script finds; the job's own variables cannot replace ours.
func environment(c run.Claimed, v JobVersion, project string) map[string]string {
	env := make(map[string]string, len(v.Env)+len(c.Inputs)+5)
	maps.Copy(env, v.Env)
	for name, value := range c.Inputs {
		env[inputVariable(name)] = textOf(value)
	}
	env["CRONIUM_INPUTS"] = string(c.InputsJSON)
	env["CRONIUM_RUN_ID"] = run.FormatID(c.RunID)
	env["CRONIUM_ATTEMPT"] = strconv.Itoa(int(c.Attempt))
	env["CRONIUM_JOB"] = c.JobName
	env["CRONIUM_PROJECT"] = project
	return env
}

func inputVariable(name string) string {
	return "CRONIUM_INPUT_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// textOf writes an input as an environment variable has it.
func textOf(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}

func refOf(r run.Ref) *agentv1.AttemptRef {
	return &agentv1.AttemptRef{RunId: r.RunID.String(), Attempt: r.Attempt, Fence: r.Fence}
}
