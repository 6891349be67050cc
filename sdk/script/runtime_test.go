package script_test

import (
	"encoding/json"
	"sync"
	"testing"
)

// memory answers as a hub does, for a single run.
type memory struct {
	t  *testing.T
	mu sync.Mutex

	inputs, variables, secrets map[string]any
	outputSet                  any
	seen                       []string // calls
}

func newMemory(t *testing.T) *memory {
	return &memory{t: t, inputs: map[string]any{}, variables: map[string]any{}, secrets: map[string]any{}}
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
	default:
		m.t.Errorf("an unknown call: %s", line)
	}
	return value(nil)
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
