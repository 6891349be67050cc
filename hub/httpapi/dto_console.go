package httpapi

import "time"

// ConsoleTicket lets whoever asked for it onto /api/v1/console/ws once.
type ConsoleTicket struct {
	Ticket    string    `json:"ticket" doc:"Goes into the first message on the socket, never into an address"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Console is a shell that somebody has or had on a host.
type Console struct {
	ID         string     `json:"id" format:"uuid"`
	Host       string     `json:"host"`
	User       string     `json:"user" doc:"E-mail of its owner"`
	Mine       bool       `json:"mine"`
	IP         string     `json:"ip" doc:"From where it was opened"`
	OpenedAt   time.Time  `json:"opened_at"`
	ClosedAt   *time.Time `json:"closed_at,omitempty"`
	DurationMS *int64     `json:"duration_ms,omitempty" doc:"Once it has ended"`
	BytesIn    int64      `json:"bytes_in" doc:"Typed"`
	BytesOut   int64      `json:"bytes_out" doc:"Printed"`
	Reason     string     `json:"reason,omitempty" enum:"exited,closed,idle,too_long,abandoned,not_permitted,signed_out,host_lost,hub_stopped,hub_lost,not_opened" doc:"Why it ended"`
	Attached   bool       `json:"attached" doc:"Its owner is there"`
	Watchers   int        `json:"watchers"`
}

// ConsolePath is the path of a console.
type ConsolePath struct {
	ProjectPath
	Console string `path:"console" maxLength:"64"`
}

type listConsolesInput struct {
	ProjectPath
	Paging
	Open bool `query:"open" doc:"Only those that have not ended"`
}
