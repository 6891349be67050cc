package request

// Request is what an HTTP job asks. Its JSON is that of the API and of definition
// files.
type Request struct {
	Method    string            `json:"method,omitempty"` // GET (default), HEAD, POST, PUT, PATCH, DELETE or OPTIONS
	URL       string            `json:"url"`              // http or https, without user and password
	Query     map[string]string `json:"query,omitempty"`  // added to that of the URL
	Headers   map[string]string `json:"headers,omitempty"`
	Auth      *Auth             `json:"auth,omitempty"`
	Body      string            `json:"body,omitempty"`      // as it is; excludes JSON
	JSON      any               `json:"json,omitempty"`      // sent as application/json
	Redirects int               `json:"redirects,omitempty"` // followed at most; default 0, at most 10
	Proxy     string            `json:"proxy,omitempty"`     // http URL; default: none, whatever the host's environment says
	Expect    *Expect           `json:"expect,omitempty"`    // default: a status of 200–299
}

// Auth says who asks. Secrets belong into secret inputs: a definition is read by
// everybody who may see the job.
type Auth struct {
	Type     string `json:"type"`               // basic, bearer or api_key
	Username string `json:"username,omitempty"` // basic
	Password string `json:"password,omitempty"` // basic
	Token    string `json:"token,omitempty"`    // bearer
	Name     string `json:"name,omitempty"`     // api_key: of the header or of the query parameter
	Value    string `json:"value,omitempty"`    // api_key
	In       string `json:"in,omitempty"`       // api_key: header (default) or query
}

// Expect is what an answer must be like. All of it must hold.
type Expect struct {
	Status     []string          `json:"status,omitempty"`      // "204", "2xx", "200-399"; one must hold; default 2xx
	JSON       map[string]any    `json:"json,omitempty"`        // by JSON pointer (RFC 6901), equal to this value
	Contains   string            `json:"contains,omitempty"`    // in the body
	Headers    map[string]string `json:"headers,omitempty"`     // equal to these
	MaxLatency string            `json:"max_latency,omitempty"` // "500ms", until the whole body was read
}

// The limits of a request.
const (
	MaxURL       = 8 << 10
	MaxBody      = 1 << 20
	MaxHeaders   = 64
	MaxHeader    = 8 << 10
	MaxRedirects = 10
	MaxExpected  = 64
)

// Language is what a payload calls a request, beside the languages of scripts.
const Language = "http"
