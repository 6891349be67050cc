package httpapi

import (
	"bytes"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/cronium/cronium/hub/release"
)

// downloadTimeout is how long a program may take to be handed over: 30 MB over a
// line of 50 kB/s.
const downloadTimeout = 10 * time.Minute

// serveInstallScript hands over install.sh with our addresses in it.
func (a *API) serveInstallScript(w http.ResponseWriter, r *http.Request) {
	c := callFrom(r.Context())
	if _, err := a.downloads.Release(); err != nil {
		c.problem(r.Context(), err).write(w)
		return
	}
	w.Header().Set("Content-Type", "text/x-shellscript; charset=utf-8")
	_, _ = w.Write(release.Script(a.ownURL(c), a.agentsAddress(c)))
}

// serveDownload hands over a program, or one of the files that describe them.
func (a *API) serveDownload(w http.ResponseWriter, r *http.Request) {
	c := callFrom(r.Context())
	name := r.PathValue("file")
	described, err := a.downloads.Release()
	if err != nil {
		c.problem(r.Context(), err).write(w)
		return
	}
	// Asked again whenever it is needed, because the next version has the same names.
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	switch name {
	case release.VersionFile:
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(described.Version+"\n"))
		return
	case release.SumsFile:
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(described.Sums))
		return
	}
	f, file, err := a.downloads.Open(name)
	if err != nil {
		w.Header().Set("Cache-Control", "no-store")
		c.problem(r.Context(), err).write(w)
		return
	}
	defer func() { _ = f.Close() }()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("ETag", `"`+file.SHA256+`"`)
	_ = http.NewResponseController(w).SetWriteDeadline(a.now().Add(downloadTimeout))
	http.ServeContent(w, r, "", time.Time{}, f)
}

// ownURL is where the caller reaches us: as configured, or as it was asked for. The
// guard lets only hosts through that we answer for.
func (a *API) ownURL(c *call) string {
	if a.publicURL != nil {
		return strings.TrimSuffix(a.publicURL.String(), "/")
	}
	if c.secure {
		return "https://" + c.host
	}
	return "http://" + c.host
}

// agentsAddress is where agents dial in. A hub that listens on every address of its
// machine is dialled at the one that the caller used.
func (a *API) agentsAddress(c *call) string {
	host, port, err := net.SplitHostPort(a.cfg.AgentsAddress)
	if err != nil {
		return a.cfg.AgentsAddress
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsUnspecified() {
		return a.cfg.AgentsAddress
	}
	if a.publicURL != nil {
		return net.JoinHostPort(a.publicURL.Hostname(), port)
	}
	return net.JoinHostPort(hostOf(c.host), port)
}
