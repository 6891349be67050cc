package console

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/identity"
	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/hub/project"
	"github.com/cronium/cronium/hub/secret"
	"github.com/cronium/cronium/hub/setting"
)

// What is written is read back, wherever it is cut, as long as it is kept.
func TestTheRingGivesBackWhatCameLast(t *testing.T) {
	var r ring
	random := rand.New(rand.NewPCG(1, 2))
	var all []byte
	for len(all) < 5*len(r.buf) {
		piece := make([]byte, random.IntN(maxData)+1)
		for i := range piece {
			piece[i] = byte(random.Uint32())
		}
		r.write(piece)
		all = append(all, piece...)
		if r.end != int64(len(all)) || r.end-r.kept() > Kept || r.oldest() > r.kept() {
			t.Fatalf("after %d bytes: end %d, kept from %d, there from %d", len(all), r.end, r.kept(), r.oldest())
		}
		from := r.oldest() + random.Int64N(r.end-r.oldest()+1)
		limit := random.IntN(maxData) + 1
		if got, want := r.read(from, limit), all[from:min(from+int64(limit), r.end)]; !bytes.Equal(got, want) {
			t.Fatalf("read(%d, %d) gave %d bytes that differ from the %d wanted", from, limit, len(got), len(want))
		}
	}
}

func TestLimitsEndAndWarnInTime(t *testing.T) {
	at := func(minutes float64) time.Time {
		return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(minutes * float64(time.Minute)))
	}
	var l Limits
	if err := l.fill(); err != nil || l.Idle != 10*time.Minute || l.Max != 30*time.Minute {
		t.Fatalf("the defaults are %+v (%v)", l, err)
	}
	for _, c := range []struct {
		name    string
		clock   clock
		now     float64
		end     Reason
		warning string
	}{
		{"in use", clock{opened: at(0), active: at(8)}, 9, "", ""},
		{"nearly idle", clock{opened: at(0), active: at(0)}, 8.9, "", ""},
		{"a minute before idle", clock{opened: at(0), active: at(0)}, 9, "", "in 1m0s unless you press a key"},
		{"warned already", clock{opened: at(0), active: at(0), warnedIdle: true}, 9.5, "", ""},
		{"idle", clock{opened: at(0), active: at(0), warnedIdle: true}, 10, Idle, ""},
		{"a minute before the end", clock{opened: at(0), active: at(28)}, 29, "", "open for as long as one may be"},
		{"the end", clock{opened: at(0), active: at(29)}, 30, TooLong, ""},
		{"detached is not idle", clock{opened: at(0), active: at(0), detached: at(1)}, 15.9, "", ""},
		{"detached for too long", clock{opened: at(0), active: at(0), detached: at(1)}, 16, Abandoned, ""},
		{"detached at the end", clock{opened: at(0), active: at(0), detached: at(29)}, 30, TooLong, ""},
	} {
		end, warning := l.due(at(c.now), &c.clock)
		if end != c.end || (warning == "") != (c.warning == "") || !strings.Contains(warning, c.warning) {
			t.Errorf("%s: %q, %q; want %q, %q", c.name, end, warning, c.end, c.warning)
		}
		if _, again := l.due(at(c.now), &c.clock); again != "" {
			t.Errorf("%s: warned twice", c.name)
		}
	}
}

func TestLimitsThatCannotBeAreRefused(t *testing.T) {
	for _, l := range []Limits{{Idle: 16 * time.Minute}, {Max: 9 * time.Hour}, {Idle: -1}, {Max: -1}} {
		if err := l.fill(); !errors.Is(err, ErrLimits) {
			t.Errorf("%+v: %v, want ErrLimits", l, err)
		}
	}
	most := Limits{Idle: 15 * time.Minute, Max: 8 * time.Hour}
	if err := most.fill(); err != nil {
		t.Errorf("%+v: %v", most, err)
	}
}

func TestATicketIsGoodOnceForHalfAMinuteForOneLogin(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	anna, other := Who{User: uuid.New(), Binding: "session:1"}, Who{User: uuid.New(), Binding: "session:1"}
	elsewhere := anna
	elsewhere.Binding = "session:2"
	grant := Grant{purpose: toOpen, host: "web-1"}
	for _, c := range []struct {
		name  string
		who   Who
		after time.Duration
		good  bool
	}{
		{"in time", anna, ticketLife - time.Nanosecond, true}, {"too late", anna, ticketLife, false},
		{"another user", other, 0, false}, {"another login", elsewhere, 0, false},
	} {
		tickets := newTickets()
		ticket, err := tickets.issue(now, anna, grant)
		if err != nil || len(ticket.Text) != 43 || !ticket.ExpiresAt.Equal(now.Add(ticketLife)) {
			t.Fatalf("issue = %+v, %v", ticket, err)
		}
		if got, err := tickets.redeem(now.Add(c.after), ticket.Text, c.who); (err == nil) != c.good || c.good && got != grant {
			t.Errorf("%s: %+v, %v; want it good: %v", c.name, got, err, c.good)
		}
		if _, err := tickets.redeem(now, ticket.Text, anna); !errors.Is(err, ErrTicket) {
			t.Errorf("%s, again: %v, want ErrTicket", c.name, err)
		}
	}
}

func TestTicketsThatNobodyUsesAreBounded(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	tickets, anna := newTickets(), Who{User: uuid.New()}
	for range mostOfOne {
		if _, err := tickets.issue(now, anna, Grant{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tickets.issue(now, anna, Grant{}); !errors.Is(err, ErrTooManyTickets) {
		t.Errorf("one more: %v, want ErrTooManyTickets", err)
	}
	if _, err := tickets.issue(now.Add(ticketLife), anna, Grant{}); err != nil || len(tickets.all) != 1 {
		t.Errorf("half a minute later: %v, %d tickets; want the old ones gone", err, len(tickets.all))
	}
}

// replica is a console of one replica, whose fleet has no agent connected to it.
func replica(t *testing.T) (*Console, *postgres.DB, uuid.UUID) {
	t.Helper()
	db := pgtest.New(t)
	keys, err := secret.OpenKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := fleet.Open(t.Context(), db, fleet.Config{Sealer: keys, Instance: uuid.New()})
	if err != nil {
		t.Fatal(err)
	}
	projects := project.New(db)
	ours, err := projects.EnsureDefault(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(db, Config{Hosts: hosts, People: identity.New(db, projects, setting.New(db), identity.Config{})})
	if err != nil {
		t.Fatal(err)
	}
	return c, db, ours.ID
}

func execute(t *testing.T, db *postgres.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.Pool.Exec(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// addAgent makes an agent that another replica holds.
func addAgent(t *testing.T, db *postgres.DB, project uuid.UUID, name string, epoch int64) uuid.UUID {
	t.Helper()
	id := uuid.New()
	execute(t, db, `insert into agents (id, project_id, name, epoch, hub_id, connected_at, last_seen_at) values ($1, $2, $3, $4, $5, now(), now())`,
		id, project, name, epoch, uuid.New())
	execute(t, db, `insert into agent_certificates (serial, agent_id, spki_sha256, generation, not_after, used_at) values ($1, $2, '', 1, now() + interval '1 day', now())`, id.String(), id)
	return id
}

func TestAConsoleOnAnotherReplicaIsSaidToBeThere(t *testing.T) {
	t.Parallel()
	c, db, project := replica(t)
	who := Who{User: uuid.New()}
	addAgent(t, db, project, "web-1", 1)
	if _, err := c.TicketToOpen(t.Context(), who, project, "web-1"); !errors.Is(err, ErrElsewhere) {
		t.Errorf("a host of another replica: %v, want ErrElsewhere", err)
	}
	execute(t, db, `update agents set hub_id = null`)
	if _, err := c.TicketToOpen(t.Context(), who, project, "web-1"); !errors.Is(err, ErrOffline) {
		t.Errorf("a host that is offline: %v, want ErrOffline", err)
	}
	if _, err := c.TicketToOpen(t.Context(), who, project, "web-2"); !errors.Is(err, fleet.ErrNotFound) {
		t.Errorf("a host that is not there: %v, want ErrNotFound", err)
	}
}

// What a replica that died left open is ended when its agent has connected anew.
func TestConsolesOfALostReplicaAreSettled(t *testing.T) {
	t.Parallel()
	c, db, project := replica(t)
	agent := addAgent(t, db, project, "web-1", 7)
	mine, theirs := c.config.Hosts.HubID(), uuid.New()
	add := func(hub uuid.UUID, epoch int64, ago string) uuid.UUID {
		id := uuid.Must(uuid.NewV7())
		execute(t, db, `insert into console_sessions (id, project_id, agent_id, epoch, hub_id, host, user_id, user_email, ip, opened_at)
			values ($1, $2, $3, $4, $5, 'web-1', $3, 'anna@example.com', '', now() - $6::interval)`, id, project, agent, epoch, hub, ago)
		return id
	}
	replaced, lives, ours, fresh := add(theirs, 6, "5 min"), add(theirs, 7, "5 min"), add(mine, 7, "5 min"), add(theirs, 6, "1 s")
	if err := c.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	page, err := c.List(t.Context(), project, Filter{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[uuid.UUID]Reason{}
	for _, r := range page.Records {
		got[r.ID] = r.Reason
	}
	for id, want := range map[uuid.UUID]Reason{replaced: HubLost, ours: HubLost, lives: "", fresh: ""} {
		if got[id] != want {
			t.Errorf("%s ended for %q, want %q (of %v)", id, got[id], want, got)
		}
	}
	open, err := c.List(t.Context(), project, Filter{Open: true, Limit: 1})
	if err != nil || len(open.Records) != 1 || open.Records[0].ID != fresh || open.Next == "" {
		t.Fatalf("the first of those that are open: %+v, %v", open, err)
	}
	rest, err := c.List(t.Context(), project, Filter{Open: true, Limit: 1, Cursor: open.Next})
	if err != nil || len(rest.Records) != 1 || rest.Records[0].ID != lives || rest.Next != "" {
		t.Fatalf("the second: %+v, %v", rest, err)
	}
	if _, err := c.List(t.Context(), project, Filter{Cursor: "x"}); !errors.Is(err, ErrCursor) {
		t.Errorf("a cursor that is none: %v", err)
	}
}
