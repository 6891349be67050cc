package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"golang.org/x/crypto/ssh"
)

// maxWords bounds what we listen to from a command, and from a login shell before
// it starts the command.
const maxWords = 64 << 10

// Every command is one of these texts and arguments, each quoted once. The texts
// have no quotes and no "!", so that a login shell of any kind passes them on
// untouched. What they print begins with a word by which it is found among what the
// start-up files of a login shell print.

// look finds the directory, in which a program must be able to run, and says what
// the server is. $1 is the agent, $2 and $3 the hashes of the runners for amd64 and
// arm64. $4 is "reside" to make the directory and, if the runner is there and is the
// right one, to become the resident; or "facts" to only see whether all that is
// possible, and to tell more about the server.
var look = oneLine(`umask 077;
say() { printf "cronium-%s=%s\n" "$1" "$2"; };
mode=$4; why=; dir=;
arch=$(uname -m); say arch "$arch"; say os "$(uname -s)";
usable() {
  at=$1;
  [ "$mode" = facts ] || [ -d "$1" ] || mkdir -p "$1" 2>/dev/null;
  [ "$mode" = facts ] && while [ -n "$at" ]; do [ -e "$at" ] && break; at=${at%/*}; done;
  [ -d "$at" ] || { why="$why $1 cannot be made;"; return 1; };
  if [ "$at" = "$1" ]; then
    [ -L "$at" ] && { why="$why $1 is a link;"; return 1; };
    [ -O "$at" ] || { why="$why $1 belongs to somebody else;"; return 1; };
    [ "$mode" = reside ] && chmod 700 "$at";
  fi;
  try="$at/.cronium-try-$$";
  { printf "#\041/bin/sh\nexit 0\n" >"$try"; } 2>/dev/null && chmod 700 "$try" && "$try" 2>/dev/null;
  ok=$?;
  rm -f "$try" 2>/dev/null;
  [ $ok = 0 ] || why="$why no program can be run in $at;";
  return $ok;
};
one=$XDG_CACHE_HOME;
case $one in /*) ;; *) one=; case $HOME in /?*) one=$HOME/.cache;; esac;; esac;
[ -n "$one" ] && one=$one/cronium;
two=/var/tmp/cronium-$(id -u);
for d in "$one" "$two"; do
  [ -z "$dir" ] && [ -n "$d" ] && [ -d "$d/$1" ] && [ -O "$d" ] && [ -O "$d/$1" ] && dir=$d;
done;
for d in "$one" "$two"; do
  [ -z "$dir" ] && [ -n "$d" ] && usable "$d" && dir=$d;
done;
say dir "$dir"; say why "$why";
case $arch in x86_64) sum=$2;; aarch64) sum=$3;; *) sum=;; esac;
file=$dir/cronium-runner-$sum; got=;
command -v sha256sum >/dev/null || say lacks sha256sum;
[ -n "$sum" ] && [ -n "$dir" ] && [ -f "$file" ] && got=$(sha256sum <"$file") && say sum "${got%% *}";
if [ "$mode" = facts ]; then
  say hostname "$(uname -n)"; say kernel "$(uname -r)";
  say distribution "$(sed -n "s/^PRETTY_NAME=//p" /etc/os-release 2>/dev/null | tr -d "\042")";
  say cpus "$(getconf _NPROCESSORS_ONLN 2>/dev/null)";
  say memory "$(sed -n "s/^MemTotal: *\([0-9]*\) kB/\1/p" /proc/meminfo 2>/dev/null)";
  at=$dir; while [ -n "$at" ]; do [ -d "$at" ] && break; at=${at%/*}; done;
  say disk "$(df -Pk "${at:-/}" 2>/dev/null | tail -n 1)";
  for p in bash python3 node docker; do
    command -v $p >/dev/null 2>&1 && say "has-$p" "$($p --version 2>&1 </dev/null | head -n 1)";
  done;
elif [ -n "$sum" ] && [ "${got%% *}" = "$sum" ]; then
  exec "$file" reside "$dir/$1";
fi;
say end 1`)

// upload takes a program from its input. $1 is its path.
var upload = oneLine(`umask 077;
part="$1.part-$$";
cat >"$part" && chmod 700 "$part" && printf "cronium-sum=%s\n" "$(sha256sum <"$part" | cut -c 1-64)" && mv -f "$part" "$1" && printf "cronium-end=1\n";
rm -f "$part"`)

func oneLine(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimSpace(line) + " ")
	}
	return strings.TrimSpace(b.String())
}

// commandLine is a text for /bin/sh with its arguments.
func commandLine(text string, args ...string) string {
	b := strings.Builder{}
	b.WriteString("exec /bin/sh -c '" + text + "' cronium")
	for _, a := range args {
		b.WriteString(" '" + a + "'")
	}
	return b.String()
}

// plain reports whether a path that a server has told may be an argument: it must
// mean the same to every shell, quoted.
func plain(path string) bool {
	return strings.HasPrefix(path, "/") && len(path) < 1024 && !strings.ContainsFunc(path, func(r rune) bool {
		return unicode.IsControl(r) || strings.ContainsRune("'\"`\\!$\ufffd", r)
	})
}

// answers are what a text has said, by name.
type answers map[string]string

// run runs a text on the server and returns its answers; the last is "end".
func run(ctx context.Context, c *ssh.Client, stdin io.Reader, text string, args ...string) (answers, error) {
	s, err := c.NewSession()
	if err != nil {
		return nil, orEnd(ctx, ErrShell.With("the server opens no session: %v", err))
	}
	defer func() { _ = s.Close() }()
	var words, complaints bounded
	s.Stdin, s.Stdout, s.Stderr = stdin, &words, &complaints
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	err = s.Run(commandLine(text, args...))
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	found := parse(words.bytes())
	if found["end"] == "" {
		return found, ErrShell.With("%s", lastWords(err, words.bytes(), complaints.bytes()))
	}
	return found, nil
}

func parse(words []byte) answers {
	found := answers{}
	for line := range bytes.Lines(words) {
		found.add(line)
	}
	return found
}

// add takes the answer from a line, if there is one.
func (a answers) add(line []byte) {
	_, after, ok := bytes.Cut(line, []byte("cronium-"))
	if name, value, answer := bytes.Cut(after, []byte("=")); ok && answer {
		a[string(name)] = clean(string(value), 1000)
	}
}

// lastWords says what a shell said instead of an answer.
func lastWords(err error, words, complaints []byte) string {
	if said := clean(string(append(complaints, words...)), 500); said != "" {
		return fmt.Sprintf("It says: %s", said)
	}
	if e, ok := errors.AsType[*ssh.ExitError](err); ok {
		return fmt.Sprintf("It ended with status %d and without a word", e.ExitStatus())
	}
	return fmt.Sprintf("It ended without a word: %v", err)
}

// clean makes the words of a server fit to be shown: one line of at most n bytes.
func clean(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// bounded keeps the first [maxWords] bytes that are written to it.
type bounded struct{ buf bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	b.buf.Write(p[:min(len(p), maxWords-b.buf.Len())])
	return len(p), nil
}

func (b *bounded) bytes() []byte { return b.buf.Bytes() }
