package script_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// memory answers as a hub does, for a single run.
type memory struct {
	t  *testing.T
	mu sync.Mutex

	inputs, variables, secrets map[string]any
	artifacts                  map[string][]byte
	putting                    []upload
	outputSet                  any
	seen                       []string // calls
}

func newMemory(t *testing.T) *memory {
	return &memory{t: t, inputs: map[string]any{}, variables: map[string]any{}, secrets: map[string]any{}, artifacts: map[string][]byte{}}
}

// request is a request line, read.
type request struct {
	Call string         `json:"call"`
	Args map[string]any `json:"args"`
}

func readRequest(t *testing.T, line []byte) request {
	members := decode(t, line).(map[string]any)
	return request{members["call"].(string), members["args"].(map[string]any)}
}

func (m *memory) answer(line []byte) any {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := readRequest(m.t, line)
	m.seen = append(m.seen, r.Call)
	name, _ := r.Args["name"].(string)
	switch r.Call {
	case "run.facts":
		return value(map[string]any{"run_id": "01a21783-0d22-78b5-b489-b03b3680e22a", "attempt": 1, "project": "default",
			"job": "nightly", "job_version": 7, "timeout_seconds": 3600, "workspace": "/w"})
	case "input.all":
		return value(m.inputs)
	case "output.set":
		m.outputSet = r.Args["value"]
	case "output.update":
		return m.update(r.Args["key"].(string), r.Args["value"])
	case "variable.get":
		return value(m.variables[name])
	case "variable.set":
		m.variables[name] = r.Args["value"]
	case "variable.compare_and_set":
		if string(encode(m.variables[name])) != string(encode(r.Args["old"])) {
			return value(false)
		}
		m.variables[name] = r.Args["new"]
		return value(true)
	case "variable.increment":
		return m.increment(name, r.Args["by"])
	case "secret.get":
		if s, ok := m.secrets[name]; ok {
			return value(s)
		}
		return refusal("secret_not_found", "There is no secret %s", name)
	case "condition.set", "progress.set", "log", "keep_alive":
	case "artifact.begin", "artifact.write", "artifact.commit", "artifact.drop":
		return m.put(r.Call, line)
	case "artifact.open", "artifact.read", "artifact.list":
		return m.get(r.Call, line)
	default:
		m.t.Errorf("an unknown call: %s", line)
	}
	return value(nil)
}

// upload is an artifact that is being put; its id is its number.
type upload struct {
	name string
	data []byte
	gone bool
}

const smallChunk = 8

func (m *memory) put(call string, line []byte) any {
	var in struct {
		Args struct {
			Name   string `json:"name"`
			Size   int    `json:"size"`
			Upload string `json:"upload"`
			Offset int    `json:"offset"`
			Data   []byte `json:"data"`
			SHA256 string `json:"sha256"`
		} `json:"args"`
	}
	if err := json.Unmarshal(line, &in); err != nil {
		m.t.Errorf("%s: %v", line, err)
	}
	if call == "artifact.begin" {
		m.putting = append(m.putting, upload{name: in.Args.Name})
		return value(map[string]any{"upload": fmt.Sprint(len(m.putting) - 1), "chunk_bytes": smallChunk})
	}
	n, err := strconv.Atoi(in.Args.Upload)
	if err != nil || n >= len(m.putting) || m.putting[n].gone {
		m.t.Errorf("%s: there is no such put", line)
		return refusal("artifact_put_gone", "No such put")
	}
	u := &m.putting[n]
	switch call {
	case "artifact.write":
		if in.Args.Offset != len(u.data) || len(in.Args.Data) > smallChunk {
			m.t.Errorf("%s after %d bytes", line, len(u.data))
		}
		u.data = append(u.data, in.Args.Data...)
	case "artifact.commit":
		if fmt.Sprintf("%x", sha256.Sum256(u.data)) != in.Args.SHA256 {
			return refusal("artifact_damaged", "Another digest")
		}
		m.artifacts[u.name] = u.data
		u.gone = true
	default:
		u.gone = true
	}
	return value(nil)
}

func (m *memory) get(call string, line []byte) any {
	var in struct {
		Args struct {
			Name     string `json:"name"`
			Artifact string `json:"artifact"`
			Offset   int    `json:"offset"`
		} `json:"args"`
	}
	if err := json.Unmarshal(line, &in); err != nil {
		m.t.Errorf("%s: %v", line, err)
	}
	switch call {
	case "artifact.open":
		data, ok := m.artifacts[in.Args.Name]
		if !ok {
			return refusal("artifact_not_found", "There is no artifact %s", in.Args.Name)
		}
		return value(map[string]any{"artifact": in.Args.Name, "size": len(data), "sha256": fmt.Sprintf("%x", sha256.Sum256(data)), "chunk_bytes": smallChunk})
	case "artifact.read":
		data := m.artifacts[in.Args.Artifact]
		return value(data[in.Args.Offset:min(in.Args.Offset+smallChunk, len(data))])
	}
	list := []any{}
	for _, name := range slices.Sorted(maps.Keys(m.artifacts)) {
		list = append(list, map[string]any{"name": name, "size": len(m.artifacts[name]), "sha256": fmt.Sprintf("%x", sha256.Sum256(m.artifacts[name]))})
	}
	return value(list)
}

func (m *memory) update(key string, v any) any {
	if m.outputSet == nil {
		m.outputSet = map[string]any{}
	}
	members, ok := m.outputSet.(map[string]any)
	if !ok {
		return refusal("output_not_an_object", "The output is no object")
	}
	members[key] = v
	return value(nil)
}

func (m *memory) increment(name string, by any) any {
	var sum int64
	for _, part := range []any{m.variables[name], by} {
		switch n := part.(type) {
		case nil:
		case json.Number:
			i, err := n.Int64()
			if err != nil {
				m.t.Errorf("%s is no integer", n)
			}
			sum += i
		default:
			return refusal("variable_not_a_number", "%s is no number", name)
		}
	}
	m.variables[name] = json.Number(string(encode(sum)))
	return value(sum)
}
