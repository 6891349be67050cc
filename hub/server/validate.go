package server

import (
	"maps"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cronium/cronium/hub/server/sshkey"
)

// Limits of what people say.
const (
	maxHost     = 253
	maxVia      = 32
	maxPassword = 1024
	maxJumps    = 3
	defaultPort = 22
)

var (
	nameRE        = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)
	userRE        = regexp.MustCompile(`^[a-z_][a-z0-9_.-]{0,31}\$?$`)
	domainRE      = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?$`)
	numericEndRE  = regexp.MustCompile(`(^|\.)(0x[0-9a-f]*|[0-9]+)\.?$`) // an address in disguise
	fingerprintRE = regexp.MustCompile(`^SHA256:[A-Za-z0-9+/]{43}$`)
	labelKey      = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$`)
	labelValue    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._:/@+-]{0,126}[A-Za-z0-9])?$`)
)

func checkName(name string) error {
	if !nameRE.MatchString(name) {
		return ErrName.With("%q is not a name of 1–64 lower-case letters, digits and hyphens", cut(name)).At("name")
	}
	return nil
}

func checkUser(user string) error {
	if !userRE.MatchString(user) {
		return ErrUser.With("%q is not a login name", cut(user)).At("user")
	}
	return nil
}

// parseAddress reads HOST or HOST:PORT. Nothing that it returns begins with a
// hyphen, holds a space or means something to a shell.
func parseAddress(text string) (host string, port int, err error) {
	wrong := func(why string) (string, int, error) {
		return "", 0, ErrAddress.With("%q: %s", cut(text), why).At("address")
	}
	host, port = text, defaultPort
	bracketed := strings.HasPrefix(text, "[")
	switch {
	case bracketed && strings.HasSuffix(text, "]"):
		host = text[1 : len(text)-1]
	case bracketed || strings.Count(text, ":") == 1:
		var digits string
		if host, digits, err = net.SplitHostPort(text); err != nil {
			return wrong("not a host and a port")
		}
		if port, err = strconv.Atoi(digits); err != nil || port < 1 || port > 65535 || digits[0] == '0' || digits[0] == '+' {
			return wrong("the port must be a number from 1 to 65535")
		}
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return wrong("an address with a zone means another machine on every host")
		}
		return addr.Unmap().String(), port, nil
	}
	host = strings.ToLower(host)
	switch {
	case bracketed || strings.Contains(host, ":"):
		return wrong("not an IPv6 address")
	case len(host) > maxHost || !domainRE.MatchString(host) || numericEndRE.MatchString(host):
		return wrong("neither an IP address nor a DNS name")
	}
	return strings.TrimSuffix(host, "."), port, nil
}

func checkVia(via map[string]string) error {
	if len(via) > maxVia {
		return ErrVia.With("%d labels, at most %d are allowed", len(via), maxVia).At("via")
	}
	for _, key := range slices.Sorted(maps.Keys(via)) {
		if !labelKey.MatchString(key) || !labelValue.MatchString(via[key]) {
			return ErrVia.With("%q cannot be a label", cut(key+"="+via[key])).At("via")
		}
	}
	return nil
}

func checkFingerprint(text string) error {
	if !fingerprintRE.MatchString(text) {
		return ErrFingerprint.With("%q is not a SHA-256 fingerprint", cut(text)).At("fingerprint")
	}
	return nil
}

// opener is what opens a server, as it is sealed.
type opener struct {
	Password   string `json:"password,omitempty"`
	PrivateKey string `json:"private_key,omitempty"`
	Passphrase string `json:"passphrase,omitempty"`
}

// prepare checks a credential and makes the key that it wishes for. Its errors
// never quote what they refuse.
func prepare(c Credential, comment string) (kind Kind, o opener, public string, err error) {
	given := 0
	for _, one := range []bool{c.Generate, !c.Password.Empty(), !c.PrivateKey.Empty()} {
		if one {
			given++
		}
	}
	switch {
	case given != 1:
		return "", o, "", ErrCredential.With("%d of password, private key and generate are given, exactly one is needed", given).At("credential")
	case !c.Passphrase.Empty() && c.PrivateKey.Empty():
		return "", o, "", ErrCredential.With("A passphrase belongs to a private key, and there is none").At("credential.passphrase")
	case c.Generate:
		private, public, err := sshkey.Generate(comment)
		return Key, opener{PrivateKey: string(private)}, public, err
	case !c.Password.Empty():
		o.Password = c.Password.Reveal()
		if len(o.Password) > maxPassword || strings.ContainsFunc(o.Password, unicode.IsControl) || !utf8.ValidString(o.Password) {
			return "", o, "", ErrCredential.With("The password is longer than %d bytes or holds a control character", maxPassword).At("credential.password")
		}
		return Password, o, "", nil
	}
	o.PrivateKey = strings.TrimSpace(strings.ReplaceAll(c.PrivateKey.Reveal(), "\r\n", "\n")) + "\n"
	o.Passphrase = c.Passphrase.Reveal()
	public, err = sshkey.Read([]byte(o.PrivateKey), o.Passphrase)
	return Key, o, public, err
}

func cut(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
