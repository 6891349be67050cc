package release

import (
	_ "embed"
	"strings"
)

//go:embed install.sh
var script string

// Script is install.sh for hosts that reach the hub's dashboard under url and its
// door for agents at address.
func Script(url, address string) []byte {
	return []byte(strings.NewReplacer("'@URL@'", quote(url), "'@HUB@'", quote(address)).Replace(script))
}

// quote makes one word of a POSIX shell of any text.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// Command is one line for a shell of the host that installs an agent and enrols it.
//
// The token is in the environment of the shell that runs the script, which only its
// own user and root can read. `sudo TOKEN=… sh` would show it in the list of
// processes and in sudo's log; the script asks for sudo by itself where it must.
func Command(url, token string) string {
	return "curl -fsSL " + word(url+"/install.sh") + " | CRONIUM_JOIN_TOKEN=" + word(token) + " sh"
}

// Manual is the command that enrols a host on which cronium-agent is already.
func Manual(address, token, dir string) string {
	return "CRONIUM_JOIN_TOKEN=" + word(token) + " cronium-agent enrol --hub " + word(address) + " --data-dir " + word(dir)
}

// word quotes what is not plain.
func word(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return quote(s)
}
