package console

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/console/internal/db"
	"github.com/cronium/cronium/hub/fleet"
)

// Reason is why a session ended.
type Reason string

// The reasons.
const (
	Exited       Reason = "exited"        // the shell did, by itself
	Closed       Reason = "closed"        // its owner hung up
	Idle         Reason = "idle"          // nobody pressed a key
	TooLong      Reason = "too_long"      // as long as one may be
	Abandoned    Reason = "abandoned"     // its owner did not come back
	NotPermitted Reason = "not_permitted" // its owner lost the right, or the account
	SignedOut    Reason = "signed_out"    // the login or token of its owner ended
	HostLost     Reason = "host_lost"     // the agent's connection ended
	HubStopped   Reason = "hub_stopped"
	HubLost      Reason = "hub_lost"   // noted afterwards by another replica
	NotOpened    Reason = "not_opened" // there never was a shell
)

var words = map[Reason]string{
	Exited: "the shell ended", Closed: "its owner hung up", Idle: "nobody pressed a key", TooLong: "it was open for as long as one may be",
	Abandoned: "its owner did not come back", NotPermitted: "its owner may not have it any more", SignedOut: "its owner's login or token ended",
	HostLost: "the connection to the host was lost", HubStopped: "the hub was stopped", HubLost: "the hub was lost", NotOpened: "no shell was opened",
}

// Words says it to people.
func (r Reason) Words() string { return words[r] }

// Record is one session as it is remembered.
type Record struct {
	ID       uuid.UUID
	Host     string
	User     uuid.UUID
	Email    string
	IP       string
	OpenedAt time.Time
	ClosedAt *time.Time // nil: it lives, as far as anybody knows
	BytesIn  int64      // typed
	BytesOut int64      // printed
	Reason   Reason     // empty while it lives
	Attached bool       // its owner is there
	Watchers int
}

// Filter chooses records.
type Filter struct {
	Open   bool // only those that live
	Limit  int  // default 50, at most 200
	Cursor string
}

// Page is some records, and where the next page begins.
type Page struct {
	Records []Record
	Next    string // empty: that was all
}

const mostOpen = 5 // sessions of one user

// insert writes the row of a session that is about to begin.
func (c *Console) insert(ctx context.Context, s *session) error {
	err := c.db.InTx(ctx, func(tx pgx.Tx) error {
		q := db.New(tx)
		if err := q.LockUser(ctx, s.who.User.String()); err != nil {
			return err
		}
		open, err := q.CountOpen(ctx, s.who.User)
		if err != nil {
			return err
		}
		if open >= mostOpen {
			return ErrTooMany.With("You have %d open, which is the most", open)
		}
		s.opened, err = q.Insert(ctx, db.InsertParams{
			ID: s.id, ProjectID: s.project, AgentID: s.live.AgentID, Epoch: s.live.Epoch, HubID: c.config.Hosts.HubID(),
			Host: s.host, UserID: s.who.User, UserEmail: s.who.Email, Ip: s.who.IP,
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("note a console: %w", err)
	}
	return nil
}

// note writes the end of a session. What cannot be written now is noted by Settle.
func (c *Console) note(ctx context.Context, s *session, end End, in, out int64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if _, err := db.New(c.db.Pool).Close(ctx, db.CloseParams{ID: s.id, Reason: string(end.Reason), BytesIn: in, BytesOut: out}); err != nil {
		c.log.ErrorContext(ctx, "note the end of a console", "session", s.id, "err", err)
	}
}

func (c *Console) record(ctx context.Context, project, id uuid.UUID) (Record, error) {
	row, err := db.New(c.db.Pool).One(ctx, project, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return Record{}, ErrNotFound.With("No console %s", id)
	}
	if err != nil {
		return Record{}, fmt.Errorf("read a console: %w", err)
	}
	return toRecord(row), nil
}

func (c *Console) list(ctx context.Context, project uuid.UUID, f Filter) (Page, error) {
	before := uuid.Max
	if f.Cursor != "" {
		var err error
		if before, err = uuid.Parse(f.Cursor); err != nil {
			return Page{}, ErrCursor.With("cursor is not one of ours").At("cursor")
		}
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	limit = min(limit, 200)
	rows, err := db.New(c.db.Pool).List(ctx, db.ListParams{ProjectID: project, Before: before, Open: f.Open, N: int32(limit) + 1}) //nolint:gosec // at most 201
	if err != nil {
		return Page{}, fmt.Errorf("list consoles: %w", err)
	}
	var page Page
	if len(rows) > limit {
		rows = rows[:limit]
		page.Next = rows[limit-1].ID.String()
	}
	for _, row := range rows {
		page.Records = append(page.Records, toRecord(row))
	}
	return page, nil
}

func toRecord(row db.ConsoleSession) Record {
	return Record{
		ID: row.ID, Host: row.Host, User: row.UserID, Email: row.UserEmail, IP: row.Ip, OpenedAt: row.OpenedAt, ClosedAt: row.ClosedAt,
		BytesIn: row.BytesIn, BytesOut: row.BytesOut, Reason: Reason(row.Reason),
	}
}

// Settle notes the end of sessions whose replica cannot: a session ends with the
// connection of its agent, so when that has been replaced, it is over.
func (c *Console) Settle(ctx context.Context) error {
	q := db.New(c.db.Pool)
	rows, err := q.Unsettled(ctx)
	if err != nil {
		return fmt.Errorf("read open consoles: %w", err)
	}
	for _, row := range rows {
		over, err := c.over(ctx, row)
		if err != nil {
			return err
		}
		if !over {
			continue
		}
		if _, err := q.Close(ctx, db.CloseParams{ID: row.ID, Reason: string(HubLost)}); err != nil {
			return fmt.Errorf("settle console %s: %w", row.ID, err)
		}
	}
	return nil
}

func (c *Console) over(ctx context.Context, row db.UnsettledRow) (bool, error) {
	if row.HubID == c.config.Hosts.HubID() {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.sessions[row.ID] == nil, nil
	}
	err := c.config.Hosts.CheckEpoch(ctx, row.AgentID, row.Epoch)
	if errors.Is(err, fleet.ErrEpoch) || errors.Is(err, fleet.ErrRevoked) {
		return true, nil
	}
	return false, err
}
