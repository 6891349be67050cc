package job

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cronium/cronium/sdk/problem"
)

const (
	minTimeout     = time.Second
	maxTimeout     = 168 * time.Hour
	defaultTimeout = time.Hour
	maxDelay       = 24 * time.Hour
	defaultDelay   = 10 * time.Second
	maxRetries     = 20
	maxScript      = 1 << 20
	maxSpec        = 256 << 10 // of the JSON without the script
	maxLabels      = 64
	maxLabelValue  = 128
	maxNote        = 1000
)

var (
	nameRE  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)
	labelRE = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$`)
)

// Languages are the languages of scripts.
func Languages() []string { return []string{"bash", "python", "node"} }

// normalise checks a definition and returns it with defaults written out and texts
// in one spelling, so that equal definitions are equal bytes.
func normalise(d Definition) (Definition, []Warning, error) {
	if err := checkName(d.Name); err != nil {
		return d, nil, err
	}
	if err := checkLabels(d.Labels, "metadata.labels"); err != nil {
		return d, nil, err
	}
	if len(d.Note) > maxNote || !printable(d.Note) {
		return d, nil, ErrText.With("Note is longer than %d bytes or holds a control character", maxNote).At("note")
	}
	if d.Labels == nil {
		d.Labels = map[string]string{}
	}
	warnings, err := normaliseWork(&d.Spec)
	if err != nil {
		return d, nil, err
	}
	if err := d.Spec.Inputs.Validate(); err != nil {
		if p, ok := problem.As(err); ok {
			return d, nil, p.At("spec." + p.Field)
		}
		return d, nil, err
	}
	if err := checkTarget(d.Spec); err != nil {
		return d, nil, err
	}
	if err := normaliseFanOut(&d.Spec); err != nil {
		return d, nil, err
	}
	if d.Spec.Timeout, err = duration(d.Spec.Timeout, "timeout", "spec.timeout", defaultTimeout, minTimeout, maxTimeout); err != nil {
		return d, nil, err
	}
	if d.Spec.Retries, err = normaliseRetries(d.Spec.Retries); err != nil {
		return d, nil, err
	}
	if err := checkEnv(d.Spec.Env); err != nil {
		return d, nil, err
	}
	if d.Spec.Container, err = normaliseContainer(d.Spec.Container); err != nil {
		return d, nil, err
	}
	if d.Spec.Limits, err = normaliseLimits(d.Spec.Limits); err != nil {
		return d, nil, err
	}
	if d.Spec.Secrets, err = normaliseSecrets(d.Spec.Secrets); err != nil {
		return d, nil, err
	}
	if d.Spec.Dependencies, err = normaliseDependencies(d.Spec); err != nil {
		return d, nil, err
	}
	bare := d.Spec
	bare.Script.Source = ""
	if b, err := json.Marshal(bare); err != nil || len(b) > maxSpec {
		return d, nil, ErrRange.With("The definition without its script is %d bytes, limit %d", len(b), maxSpec).At("spec")
	}
	return d, warnings, nil
}

func checkTarget(s Spec) error {
	t := s.Target
	switch {
	case len(t.All()) == 0:
		return checkLabels(t.Labels, "spec.target.labels")
	case t.Server != "" && !nameRE.MatchString(t.Server):
		return ErrName.With("%q is not the name of a server", cut(t.Server)).At("spec.target.server")
	case len(t.Labels) > 0:
		return ErrTarget.With("The target has labels and the %s", t.words()).At("spec.target")
	case t.Server != "" && len(t.Servers) > 0:
		return ErrTarget.With("The target has the server %s and a list of servers", t.Server).At("spec.target")
	case s.Container != nil:
		return ErrContainerOnServer.With("The job has a container and the %s", t.words()).At("spec.container")
	}
	return nil
}

func checkName(name string) error {
	if at := badRune(name); at >= 0 {
		return ErrText.With("Name contains a control character at position %d", at+1).At("metadata.name")
	}
	if !nameRE.MatchString(name) {
		return ErrName.With("%q is not a name of 1–64 lower-case letters, digits and hyphens", cut(name)).At("metadata.name")
	}
	return nil
}

func checkLabels(labels map[string]string, field string) error {
	if len(labels) > maxLabels {
		return ErrLabel.With("%d labels, at most %d are allowed", len(labels), maxLabels).At(field)
	}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if !labelRE.MatchString(key) {
			return ErrLabel.With("%q cannot be the key of a label", cut(key)).At(field)
		}
		value := labels[key]
		if !printable(value) || strings.ContainsAny(value, "\n\t") || strings.TrimSpace(value) != value || utf8.RuneCountInString(value) > maxLabelValue {
			return ErrLabel.With("Label %s has a value that is longer than %d characters, begins or ends with a space, or holds a control character",
				key, maxLabelValue).At(field + "." + key)
		}
	}
	return nil
}

// normaliseWork checks what the job does: run a script or ask over HTTP.
func normaliseWork(s *Spec) ([]Warning, error) {
	switch {
	case s.HTTP == nil && s.Script == (Script{}):
		return nil, ErrWork.With("The job has neither a script nor an HTTP request").At("spec.script")
	case s.HTTP == nil:
		return checkScript(s.Script)
	}
	if s.Script != (Script{}) {
		return nil, ErrWork.With("The job has a script and an HTTP request").At("spec.http")
	}
	if s.Container != nil {
		return nil, ErrWork.With("An HTTP request is made by the agent, not in a container").At("spec.container")
	}
	if len(s.Target.All()) > 0 {
		return nil, ErrWork.With("An HTTP request is made by an agent, not on the %s", cut(s.Target.words())).At("spec.target")
	}
	r, err := s.HTTP.Normalise(slices.Collect(maps.Keys(s.Inputs)))
	s.HTTP = &r
	return nil, err
}

func checkScript(s Script) ([]Warning, error) {
	if !slices.Contains(Languages(), s.Language) {
		return nil, ErrScript.With("Language %q is not one of bash, python, node", cut(s.Language)).At("spec.script.language")
	}
	wrong := func(format string, args ...any) error {
		return ErrScript.With(format, args...).At("spec.script.source")
	}
	switch nul := strings.IndexByte(s.Source, 0); {
	case strings.TrimSpace(s.Source) == "":
		return nil, wrong("Script is empty")
	case len(s.Source) > maxScript:
		return nil, wrong("Script is %.1f MiB, limit 1 MiB", float64(len(s.Source))/(1<<20))
	case nul >= 0:
		return nil, wrong("Line %d: NUL byte", lineOf(s.Source, nul))
	case !utf8.ValidString(s.Source):
		return nil, wrong("Line %d: not valid UTF-8", lineOf(s.Source, firstInvalid(s.Source)))
	}
	if at := strings.Index(s.Source, "\r\n"); at >= 0 {
		return []Warning{{"crlf_line_endings", fmt.Sprintf("Line %d ends with CR LF; many interpreters do not understand that", lineOf(s.Source, at)), "spec.script.source"}}, nil
	}
	return nil, nil
}

func normaliseRetries(r *Retries) (*Retries, error) {
	if r == nil {
		return nil, nil
	}
	if r.Max < 0 || r.Max > maxRetries {
		return nil, ErrRange.With("retries.max must be an integer 0–%d, this is %d", maxRetries, r.Max).At("spec.retries.max")
	}
	n := *r
	switch n.Backoff {
	case "":
		n.Backoff = "fixed"
	case "fixed", "linear", "exponential":
	default:
		return nil, ErrParameter.With("Backoff %q is not one of fixed, linear, exponential", cut(n.Backoff)).At("spec.retries.backoff")
	}
	var err error
	if n.Delay, err = duration(n.Delay, "retries.delay", "spec.retries.delay", defaultDelay, 0, maxDelay); err != nil {
		return nil, err
	}
	for _, o := range n.On {
		if o != "failed" && o != "timed_out" && o != "lost" {
			return nil, ErrParameter.With("%q is not one of failed, timed_out, lost", cut(o)).At("spec.retries.on")
		}
	}
	n.On = slices.Compact(slices.Sorted(slices.Values(n.On)))
	if n.Max == 0 {
		return nil, nil
	}
	return &n, nil
}

// duration reads a text such as "1h30m" and writes it in its shortest form.
func duration(text, what, field string, otherwise, least, most time.Duration) (string, error) {
	if text == "" {
		return short(otherwise), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most || d%time.Millisecond != 0 {
		return "", ErrRange.With("%s must be a duration from %s to %s, such as 90s, 2m or 1h30m; this is %q", what, short(least), short(most), cut(text)).At(field)
	}
	return short(d), nil
}

// short is d.String without the units that are zero: "2m", not "2m0s".
func short(d time.Duration) string {
	s := d.String()
	if d == 0 {
		return s
	}
	if t, ok := strings.CutSuffix(s, "m0s"); ok {
		s = t + "m"
	}
	if t, ok := strings.CutSuffix(s, "h0m"); ok {
		s = t + "h"
	}
	return s
}

// badRune is the position, in characters, of the first control character or
// direction override, or -1.
func badRune(s string) int {
	n := 0
	for _, r := range s {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return n
		}
		n++
	}
	return -1
}

// printable allows lines and tabs beside visible characters.
func printable(s string) bool {
	return utf8.ValidString(s) && badRune(strings.NewReplacer("\n", " ", "\t", " ").Replace(s)) < 0
}

func lineOf(s string, at int) int { return 1 + strings.Count(s[:at], "\n") }

func firstInvalid(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return i
			}
		}
	}
	return 0
}

func cut(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
