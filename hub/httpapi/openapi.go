package httpapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
)

// describe registers the typed routes with huma, which mounts each through the
// table's own guard, and adds the raw ones that belong in the document.
func (a *API) describe(table []*route) huma.API {
	configureHuma()
	config := huma.DefaultConfig("Cronium", "v1")
	config.CreateHooks = nil // no $schema in bodies
	config.DocsPath, config.OpenAPIPath, config.SchemasPath = "", "", ""
	config.RejectUnknownQueryParameters = true
	config.Formats = map[string]huma.Format{
		"application/json": {Marshal: encodeJSON, Unmarshal: decodeJSON},
		"json":             {Marshal: encodeJSON, Unmarshal: decodeJSON}, // what follows the + of problem+json
	}
	config.Info.Description = "Lists are paged: pass next_cursor as ?cursor=. Every error is a Problem. " +
		"Every answer has X-Request-Id and X-Hub-Time. Live updates are on the WebSocket " + base + "/ws."
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "apiKey", In: "cookie", Name: secureCookie},
		"token":   {Type: "http", Scheme: "bearer"},
	}
	api := huma.NewAPI(config, &adapter{mount: a.mount})
	for _, r := range table {
		if r.typed != nil {
			r.typed(api, r.operation())
		} else if r.doc != nil {
			api.OpenAPI().AddOperation(describeRaw(r))
		}
	}
	return api
}

// adapter lets huma register handlers; routing and guarding stay ours.
type adapter struct {
	mount func(*route, http.Handler)
}

func (m *adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	r, ok := op.Metadata[routeKey].(*route)
	if !ok {
		panic(fmt.Sprintf("httpapi: %s %s is not in the route table", op.Method, op.Path))
	}
	m.mount(r, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		handler(humachi.NewContext(op, req, w))
	}))
}

func (m *adapter) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	http.NotFound(w, nil) // requests never enter through huma
}

// encodeJSON writes v; slices and maps that are nil are the handlers' fault and
// found by the response validator of the tests.
func encodeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// specification is the OpenAPI document, indented, in a stable order.
func specification(api huma.API) ([]byte, error) {
	text, err := json.Marshal(api.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("encode the OpenAPI document: %w", err)
	}
	var ordered any
	if err := json.Unmarshal(text, &ordered); err != nil {
		return nil, fmt.Errorf("order the OpenAPI document: %w", err)
	}
	if text, err = json.MarshalIndent(ordered, "", "  "); err != nil {
		return nil, fmt.Errorf("indent the OpenAPI document: %w", err)
	}
	return append(text, '\n'), nil
}

// describeRaw is the operation of a raw route.
func describeRaw(r *route) *huma.Operation {
	op := r.operation()
	op.Parameters = slices.Clone(rawParameters[r.doc.id])
	op.Responses = map[string]*huma.Response{
		"200": {Description: "OK", Content: map[string]*huma.MediaType{
			"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
		}},
		"default": {Description: "Error", Content: map[string]*huma.MediaType{
			"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}},
		}},
	}
	return &op
}

// rawParameters are those of the raw routes in the document.
var rawParameters = map[string][]*huma.Param{
	"getRunLogRaw": {
		{Name: "project", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}},
		{Name: "run", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}},
		{Name: "attempt", In: "query", Schema: &huma.Schema{Type: huma.TypeInteger}, Description: "The default is the last one"},
		{Name: "stream", In: "query", Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"all", "stdout", "stderr"}}},
	},
}
