package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/httpapi"
)

func (w *world) login(options ...option) (reply, *http.Cookie) {
	w.t.Helper()
	got := w.send("POST", "/api/v1/auth/login", `{"email":"`+adminEmail+`","password":"`+adminPassword+`"}`, options...)
	if got.status != http.StatusOK {
		w.t.Fatalf("login = %d %s, want 200", got.status, got.body)
	}
	cookie, err := http.ParseSetCookie(got.header.Get("Set-Cookie"))
	if err != nil {
		w.t.Fatalf("login sets %q: %v", got.header.Get("Set-Cookie"), err)
	}
	return got, cookie
}

func TestASessionBeginsAtLoginAndEndsAtLogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got, cookie := w.login()
	if me := decode[httpapi.Me](t, got); me.Email != adminEmail || !me.Admin || len(me.Projects) != 2 {
		t.Fatalf("login = %+v, want the administrator and both projects", me)
	}
	if cookie.Name != "sid" || !cookie.HttpOnly || cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" {
		t.Fatalf("cookie on plain http = %+v", cookie)
	}
	session := with("Cookie", cookie.Name+"="+cookie.Value)
	if me := w.send("GET", "/api/v1/me", "", session); me.status != http.StatusOK {
		t.Fatalf("GET /me with the cookie = %d, want 200", me.status)
	}
	out := w.send("POST", "/api/v1/auth/logout", "", session)
	if out.status != http.StatusNoContent || !strings.Contains(out.header.Get("Set-Cookie"), "Max-Age=0") || out.header.Get("Clear-Site-Data") == "" {
		t.Fatalf("logout = %d %v, want a cleared cookie and site data", out.status, out.header)
	}
	if me := w.send("GET", "/api/v1/me", "", session); me.status != http.StatusUnauthorized || me.header.Get("WWW-Authenticate") == "" {
		t.Fatalf("GET /me after logout = %d, want 401 and WWW-Authenticate", me.status)
	}
}

func TestBehindHTTPSTheCookieIsBoundToTheHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *httpapi.Config) { c.PublicURL = "https://automation.example" })
	public := func(r *http.Request) { r.Host = "automation.example" }
	got, cookie := w.login(public)
	if cookie.Name != "__Host-sid" || !cookie.Secure || !cookie.HttpOnly || cookie.Path != "/" || cookie.Domain != "" {
		t.Fatalf("cookie behind https = %+v, want __Host-sid", cookie)
	}
	if got.header.Get("Strict-Transport-Security") == "" {
		t.Fatal("no HSTS behind https")
	}
	if plain, _ := w.login(); plain.header.Get("Strict-Transport-Security") != "" {
		t.Fatal("HSTS on plain http")
	}
	// A cookie that another subdomain or plain http could have set is not believed.
	if me := w.send("GET", "/api/v1/me", "", public, with("Cookie", "sid="+cookie.Value)); me.status != http.StatusUnauthorized {
		t.Fatalf("GET /me with the plain cookie on https = %d, want 401", me.status)
	}
}

func TestSetupMakesTheFirstAdministratorOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if state := decode[httpapi.SetupState](t, w.send("GET", "/api/v1/setup", "")); state.Needed {
		t.Fatal("setup is needed although there is an administrator")
	}
	for _, statement := range []string{"delete from api_tokens", "delete from sessions", "delete from users"} {
		if _, err := w.db.Pool.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if state := decode[httpapi.SetupState](t, w.send("GET", "/api/v1/setup", "")); !state.Needed {
		t.Fatal("setup is not needed although there is nobody")
	}
	code, _, err := w.identity.SetupCode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	body := func(code string) string {
		return `{"code":"` + code + `","email":"first@example.com","name":"First","password":"` + adminPassword + `"}`
	}
	if got := w.send("POST", "/api/v1/setup", body("wrong")); got.status < 400 {
		t.Fatalf("setup with a wrong code = %d", got.status)
	}
	got := w.send("POST", "/api/v1/setup", body(code))
	if got.status != http.StatusOK || got.header.Get("Set-Cookie") == "" {
		t.Fatalf("setup = %d %s, want a session", got.status, got.body)
	}
	if me := decode[httpapi.Me](t, got); me.Name != "First" || !me.Admin {
		t.Fatalf("setup = %+v, want the administrator First", me)
	}
	if again := w.send("POST", "/api/v1/setup", body(code)); again.status != http.StatusConflict {
		t.Fatalf("second setup = %d, want 409", again.status)
	}
}

func TestTokensAreMadeBySessionsShownOnceAndRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, cookie := w.login()
	session := with("Cookie", cookie.Name+"="+cookie.Value)
	got := w.send("POST", "/api/v1/tokens", `{"name":"laptop","expires_in":"24h"}`, session)
	if got.status != http.StatusCreated {
		t.Fatalf("POST /tokens = %d %s, want 201", got.status, got.body)
	}
	token := decode[httpapi.NewToken](t, got)
	if me := w.send("GET", "/api/v1/me", "", as(token.Token)); me.status != http.StatusOK {
		t.Fatalf("GET /me with the token = %d %s", me.status, me.body)
	}
	if list := w.send("GET", "/api/v1/tokens", "", session); !strings.Contains(string(list.body), `"laptop"`) || strings.Contains(string(list.body), token.Token) {
		t.Fatalf("GET /tokens = %s, want the name and not the secret", list.body)
	}
	if by := w.send("POST", "/api/v1/tokens", `{"name":"child"}`, as(token.Token)); by.status != http.StatusForbidden {
		t.Fatalf("a token made a token: %d", by.status)
	}
	if gone := w.send("DELETE", "/api/v1/tokens/"+token.ID, "", session); gone.status != http.StatusNoContent {
		t.Fatalf("DELETE /tokens = %d %s", gone.status, gone.body)
	}
	if me := w.send("GET", "/api/v1/me", "", as(token.Token)); me.status != http.StatusUnauthorized {
		t.Fatalf("GET /me with the revoked token = %d, want 401", me.status)
	}
	for _, bad := range []string{`{"name":"x","expires_in":"soon"}`, `{"name":"x","expires_in":"-1h"}`} {
		if got := w.send("POST", "/api/v1/tokens", bad, session); got.status != http.StatusUnprocessableEntity {
			t.Errorf("POST /tokens %s = %d, want 422", bad, got.status)
		}
	}
}

func TestBadCredentialsAreRefusedByKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, option := range map[string]option{
		"basic":         with("Authorization", "Basic eDp4"),
		"empty bearer":  with("Authorization", "Bearer "),
		"cut token":     as(w.admin[:len(w.admin)-1]),
		"no token":      as("hello"),
		"forged cookie": with("Cookie", "sid="+strings.Repeat("a", 43)),
		"empty cookie":  with("Cookie", "sid="),
	} {
		if got := w.send("GET", "/api/v1/me", "", option); got.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s, want 401", name, got.status, got.body)
		}
	}
}

func TestGuessingIsSlowedDownByAddressWhateverTheHeadersSay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *httpapi.Config) { c.Login = httpapi.Rate{PerSecond: 0.001, Burst: 3} })
	limited := false
	for i := range 6 {
		got := w.send("POST", "/api/v1/auth/login", `{"email":"x@example.com","password":"guess"}`,
			with("X-Forwarded-For", "203.0.113."+string(rune('1'+i))), with("Forwarded", "for=203.0.113.9"), with("CF-Connecting-IP", "203.0.113.7"))
		if got.status == http.StatusTooManyRequests {
			limited = true
			if got.header.Get("Retry-After") == "" || decode[httpapi.Problem](t, got).RetryAfter < 1 {
				t.Fatalf("429 without Retry-After: %s", got.body)
			}
		}
	}
	if !limited {
		t.Fatal("six guesses in a burst of three were all let through")
	}
	for range 5 {
		w.send("GET", "/api/v1/me", "", as("cro_wrong"))
	}
	if got := w.send("GET", "/api/v1/me", "", as("cro_wrong")); got.status != http.StatusTooManyRequests {
		t.Fatalf("the sixth wrong token = %d, want 429", got.status)
	}
	if got := w.do("GET", "/api/v1/me", ""); got.status != http.StatusOK {
		t.Fatalf("a right token from that address = %d, want 200", got.status)
	}
}

func TestEachPrincipalHasItsOwnRate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *httpapi.Config) { c.Read = httpapi.Rate{PerSecond: 0.001, Burst: 5} })
	for range 5 {
		w.want(200, "GET", "/api/v1/me", "")
	}
	w.want(429, "GET", "/api/v1/me", "")
	other, _ := w.member(w.ours, authz.Viewer)
	if got := w.send("GET", "/api/v1/me", "", as(other)); got.status != http.StatusOK {
		t.Fatalf("another principal = %d, want 200", got.status)
	}
	if got := w.send("GET", "/healthz", ""); got.status != http.StatusOK {
		t.Fatalf("a probe = %d, want 200", got.status)
	}
}
