package screen

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/term"
)

// Screen writes data and talk. Its methods may be called concurrently.
type Screen struct {
	Terminal bool // standard output is a terminal
	Colour   bool // colours are welcome on standard output
	talkHue  bool // and on standard error
	Talk     bool // standard error is a terminal
	Width    int  // columns of the terminal
	quiet    bool

	mu    sync.Mutex
	out   *bufio.Writer
	err   io.Writer
	shown bool // a transient line stands on the terminal
	fresh bool // the cursor is at the start of a line
}

// New looks at the streams and the environment. CRONIUM_FORCE_TTY=80 behaves as on
// a terminal of 80 columns.
func New(out, err *os.File, env func(string) string, quiet bool) *Screen {
	s := &Screen{
		Terminal: term.IsTerminal(int(out.Fd())), Talk: term.IsTerminal(int(err.Fd())),
		out: bufio.NewWriterSize(out, 32<<10), err: err, quiet: quiet, fresh: true, Width: 80,
	}
	if w, _, sizeErr := term.GetSize(int(out.Fd())); sizeErr == nil && w > 0 {
		s.Width = w
	}
	if n, bad := strconv.Atoi(env("COLUMNS")); bad == nil && n > 0 {
		s.Width = n
	}
	if forced := env("CRONIUM_FORCE_TTY"); forced != "" {
		s.Terminal = true
		if n, bad := strconv.Atoi(forced); bad == nil && n > 0 {
			s.Width = n
		}
	}
	s.Colour = s.Terminal && env("NO_COLOR") == "" && env("TERM") != "dumb"
	if force := env("CLICOLOR_FORCE"); force != "" && force != "0" && env("NO_COLOR") == "" {
		s.Colour = true
	}
	s.Talk = s.Talk && env("TERM") != "dumb"
	s.talkHue = s.Talk && env("NO_COLOR") == ""
	return s
}

// Write writes data. It is buffered until Flush.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	if len(p) > 0 {
		s.fresh = p[len(p)-1] == '\n'
	}
	return s.out.Write(p)
}

// Flush sends what was written.
func (s *Screen) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Flush()
}

// Printf writes data.
func (s *Screen) Printf(format string, args ...any) { fmt.Fprintf(s, format, args...) }

// Say writes a line of talk, unless the user wants quiet.
func (s *Screen) Say(format string, args ...any) {
	if !s.quiet {
		s.Complain(format, args...)
	}
}

// Complain writes a line of talk always.
func (s *Screen) Complain(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	_ = s.out.Flush()
	if !s.fresh && s.Terminal {
		fmt.Fprintln(s.err)
		s.fresh = true
	}
	fmt.Fprintf(s.err, format+"\n", args...)
}

// Status shows a line that the next output replaces. Without a terminal, or in
// the middle of a line, it does nothing.
func (s *Screen) Status(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.quiet || !s.Talk || (s.Terminal && !s.fresh) {
		return
	}
	_ = s.out.Flush()
	s.wipe()
	line := Middle(fmt.Sprintf(format, args...), s.Width-1)
	fmt.Fprint(s.err, line)
	s.shown = true
}

// wipe removes the transient line.
func (s *Screen) wipe() {
	if s.shown {
		fmt.Fprint(s.err, "\r\x1b[K")
		s.shown = false
	}
}

// Clear removes the transient line.
func (s *Screen) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
}

// Style is one of the sixteen colours, or none.
type Style string

// The styles. Each is only ever a second sign beside a word.
const (
	Plain  Style = ""
	Good   Style = "32"
	Bad    Style = "31"
	Warn   Style = "33"
	Busy   Style = "34"
	Dim    Style = "90"
	Strong Style = "1"
)

// Restore ends whatever colour a log has left on, and moves nothing.
func (s *Screen) Restore() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Colour {
		_, _ = s.out.WriteString("\x1b[0m") // its error comes again at Flush
	}
}

// Paint colours text when colours are welcome.
func (s *Screen) Paint(style Style, text string) string {
	if !s.Colour || style == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}

// PaintTalk is Paint for standard error.
func (s *Screen) PaintTalk(style Style, text string) string {
	if !s.talkHue {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}

// Middle shortens text to width columns by leaving out its middle.
func Middle(text string, width int) string {
	if Columns(text) <= width {
		return text
	}
	if width < 3 {
		return cut(text, max(width, 0))
	}
	head := cut(text, (width-1+1)/2)
	return head + "…" + cutLeft(text, width-1-Columns(head))
}

func cut(text string, width int) string {
	used := 0
	for i, r := range text {
		if used += runeColumns(r); used > width {
			return text[:i]
		}
	}
	return text
}

func cutLeft(text string, width int) string {
	runes := []rune(text)
	used, i := 0, len(runes)
	for i > 0 {
		if used += runeColumns(runes[i-1]); used > width {
			break
		}
		i--
	}
	return string(runes[i:])
}

// Columns is how wide text is on a terminal.
func Columns(text string) int {
	n := 0
	for _, r := range text {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case r <= 0x36f, r == 0x200b, r == 0x200d, r >= 0xfe00 && r <= 0xfe0f:
		return 0
	case r >= 0x1100 && (r <= 0x115f || (r >= 0x2e80 && r <= 0xa4cf) || (r >= 0xac00 && r <= 0xd7a3) ||
		(r >= 0xf900 && r <= 0xfaff) || (r >= 0xfe30 && r <= 0xfe6f) || (r >= 0xff00 && r <= 0xff60) ||
		(r >= 0xffe0 && r <= 0xffe6) || (r >= 0x1f300 && r <= 0x1faff) || (r >= 0x20000 && r <= 0x3fffd)):
		return 2
	}
	return 1
}

func pad(text string, width int, right bool) string {
	space := strings.Repeat(" ", max(width-Columns(text), 0))
	if right {
		return space + text
	}
	return text + space
}
