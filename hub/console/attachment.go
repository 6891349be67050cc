package console

import (
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
)

// Bounds of a terminal.
const (
	MaxCols = 1000
	MaxRows = 500
)

// Size is that of a terminal, in characters.
type Size struct{ Cols, Rows int }

// clamp makes any size a possible one; nothing is 80 by 24.
func (s Size) clamp() Size {
	if s.Cols <= 0 || s.Rows <= 0 {
		return Size{80, 24}
	}
	return Size{min(s.Cols, MaxCols), min(s.Rows, MaxRows)}
}

// Kind of an [Event].
type Kind int

// What a reader is told.
const (
	Printed Kind = iota + 1 // Data, which begins at Offset
	Gap                     // Missing bytes are gone; Offset comes next
	Noticed                 // Notice is for a person's eyes
	Resized                 // the owner's terminal has this Size now
	Ended                   // End; nothing comes after it
)

// Event is what a reader is told.
type Event struct {
	Kind    Kind
	Data    []byte
	Offset  int64
	Missing int64
	Notice  string
	Size    Size
	End     End
}

// mostNews bounds what is told besides the output to one who does not listen; the
// oldest goes first.
const mostNews = 32

// Attachment is somebody at a session: its owner, or a watcher. Next is for one
// goroutine; the other methods may be called concurrently.
type Attachment struct {
	session *session
	who     Who
	watches bool
	bell    chan struct{} // rings when there is something to tell

	// Guarded by the session's lock.
	next  int64 // offset of the byte that comes next
	news  []Event
	gone  error // why it is not attached any more
	first int64 // bytes that were missing at the beginning
}

// Info is what one is told when one comes.
type Info struct {
	Session     uuid.UUID
	Host        string
	Owner       string // e-mail
	User, Shell string // whom the shell runs as, and which one it is
	Watches     bool
	Size        Size
	Offset      int64 // of the byte that comes first
	Missing     int64 // bytes between the one that was asked for and that one
	Limits      Limits
}

// attach makes its owner the one who is there, instead of wherever they were. One
// that has just ended still shows its last output.
func (s *session) attach(who Who, r Request) *Attachment {
	a := &Attachment{session: s, who: who, bell: make(chan struct{}, 1)}
	s.mu.Lock()
	if s.owner != nil {
		s.owner.drop(ErrTakenOver)
	}
	s.owner = a
	a.begin(r.Offset)
	s.clock.active, s.clock.warnedIdle = s.console.config.Now(), false
	s.clock.detached = time.Time{}
	for w := range s.watchers {
		a.tell(Event{Kind: Noticed, Notice: w.who.Email + " is watching."})
	}
	s.mu.Unlock()
	if r.Size != (Size{}) {
		s.want(r.Size.clamp())
	}
	s.acknowledge()
	return a
}

// watch lets somebody read along, and tells the owner.
func (s *session) watch(who Who, r Request) (*Attachment, error) {
	a := &Attachment{session: s, who: who, watches: true, bell: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != nil {
		return nil, ErrEnded.With("It ended: %s", s.end.Reason.Words())
	}
	if len(s.watchers) == mostWatchers {
		return nil, ErrTooMany.With("%d people watch it, which is the most", mostWatchers).Hinted("Ask one of them to leave.")
	}
	s.watchers[a] = struct{}{}
	a.begin(r.Offset)
	if s.owner != nil {
		s.owner.tell(Event{Kind: Noticed, Notice: who.Email + " is watching."})
	}
	s.console.log.Info("console watched", "session", s.id, "owner", s.who.Email, "by", who.Email, "ip", who.IP)
	return a, nil
}

// begin finds the first byte. The lock is held.
func (a *Attachment) begin(offset *int64) {
	r := &a.session.ring
	a.next = r.kept()
	if offset == nil {
		return
	}
	asked := min(max(0, *offset), r.end)
	a.first = max(0, a.next-asked)
	a.next = max(a.next, asked)
}

// Info is what one is told when one comes.
func (a *Attachment) Info() Info {
	s := a.session
	s.mu.Lock()
	defer s.mu.Unlock()
	return Info{
		Session: s.id, Host: s.host, Owner: s.who.Email, User: s.user, Shell: s.shell, Watches: a.watches, Size: s.size,
		Offset: a.next, Missing: a.first, Limits: s.console.config.Limits,
	}
}

// Next returns what comes next, and waits for it. After [Ended] there is nothing.
// Its error says why one is not attached any more.
func (a *Attachment) Next(ctx context.Context) (Event, error) {
	for {
		event, there, err := a.look()
		if there || err != nil {
			a.session.acknowledge() // what was read makes room
			return event, err
		}
		select {
		case <-ctx.Done():
			return Event{}, context.Cause(ctx)
		case <-a.bell:
		}
	}
}

func (a *Attachment) look() (_ Event, there bool, _ error) {
	s := a.session
	s.mu.Lock()
	defer s.mu.Unlock()
	switch oldest := s.ring.oldest(); {
	case a.gone != nil:
		return Event{}, false, a.gone
	case len(a.news) > 0:
		event := a.news[0]
		a.news = a.news[1:]
		return event, true, nil
	case a.next < oldest:
		// A watcher only: the shell waits for its owner.
		event := Event{Kind: Gap, Offset: s.ring.kept(), Missing: s.ring.kept() - a.next}
		a.next = event.Offset
		return event, true, nil
	case a.next < s.ring.end:
		event := Event{Kind: Printed, Offset: a.next, Data: s.ring.read(a.next, maxData)}
		a.next += int64(len(event.Data))
		return event, true, nil
	case s.end != nil:
		return Event{Kind: Ended, End: *s.end}, true, nil
	}
	return Event{}, false, nil
}

// Type gives the shell what was typed; it waits while the shell does not read.
func (a *Attachment) Type(ctx context.Context, data []byte) error {
	if a.watches {
		return ErrReadOnly
	}
	return a.session.input(ctx, data)
}

// Resize tells how large the owner's terminal is now. A size that cannot be is made
// one that can.
func (a *Attachment) Resize(s Size) {
	if !a.watches {
		a.session.want(s.clamp())
	}
}

// HangUp ends the session, if it is the owner who says so.
func (a *Attachment) HangUp() error {
	if a.watches {
		return ErrReadOnly
	}
	a.session.finish(End{Reason: Closed})
	return nil
}

// Revoke is for a door that finds that the login, token or role is gone by which
// somebody came: an owner's session ends, a watcher leaves.
func (a *Attachment) Revoke(why Reason) {
	if !a.watches {
		a.session.finish(End{Reason: why})
	}
}

// Leave detaches. The session goes on; if that was its owner, they may come back.
// It may be called often.
func (a *Attachment) Leave() {
	s := a.session
	s.mu.Lock()
	if a.watches {
		if _, there := s.watchers[a]; there && s.owner != nil {
			s.owner.tell(Event{Kind: Noticed, Notice: a.who.Email + " has stopped watching."})
		}
		delete(s.watchers, a)
	}
	if s.owner == a {
		s.owner = nil
		s.clock.detached = s.console.config.Now()
	}
	s.mu.Unlock()
	s.acknowledge() // the shell need not wait any more
}

// tell adds news. The lock is held.
func (a *Attachment) tell(e Event) {
	if len(a.news) == mostNews {
		a.news = a.news[1:]
	}
	a.news = append(a.news, e)
	ringBell(a.bell)
}

// drop ends the attachment for a reason. The lock is held.
func (a *Attachment) drop(why error) {
	a.gone = why
	ringBell(a.bell)
}

// clean makes a few words of an agent or a client fit to store and to show.
func clean(text string, most int) string {
	kept := strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if len(kept) > most {
		kept = strings.ToValidUTF8(kept[:most], "")
	}
	return kept
}
