package process

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cronium/cronium/agent/cgroup"
	"github.com/cronium/cronium/agent/executor"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// Bounds are what attempts may use if their job does not say, and at most. A nil or
// zero limit is none.
type Bounds struct {
	Default, Max *runnerv1.Limits
}

// limit is one limit: its name in a job, and what enforces it.
type limit struct {
	name       string
	controller string // of control groups; "" if the runner sees to it
	of         func(*runnerv1.Limits) *int64
	text       func(int64) string
	parse      func(string) (int64, error)
}

var all = []limit{
	{"memory", "memory", func(l *runnerv1.Limits) *int64 { return &l.MemoryBytes }, sizeText, parseSize},
	{"cpus", "cpu", func(l *runnerv1.Limits) *int64 { return &l.MilliCpus }, cpusText, parseCPUs},
	{"processes", "pids", func(l *runnerv1.Limits) *int64 { return &l.Processes }, countText, parseCount},
	{"file_size", "", func(l *runnerv1.Limits) *int64 { return &l.FileBytes }, sizeText, parseSize},
	{"workspace", "", func(l *runnerv1.Limits) *int64 { return &l.WorkspaceBytes }, sizeText, parseSize},
}

// ParseLimits reads limits as a job writes them: memory, cpus, processes, file_size
// and workspace, each with its value. It returns [ErrBounds].
func ParseLimits(texts map[string]string) (*runnerv1.Limits, error) {
	out := &runnerv1.Limits{}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		i := slices.IndexFunc(all, func(l limit) bool { return l.name == name })
		if i < 0 {
			return nil, ErrBounds.With("there is no limit %q", name)
		}
		n, err := all[i].parse(texts[name])
		if err != nil || n <= 0 {
			return nil, ErrBounds.With("%s=%s", name, texts[name])
		}
		*all[i].of(out) = n
	}
	return out, nil
}

// Labels are the labels of hosts that can enforce what needs control groups.
func Labels(groups *cgroup.Host) map[string]string {
	labels := map[string]string{"cgroup": groups.Version()}
	for _, l := range all {
		if l.controller != "" && groups.Can(l.controller) {
			labels["limits."+l.name] = "true"
		}
	}
	return labels
}

// supported returns an error if the host cannot enforce its own bounds.
func (b Bounds) supported(groups *cgroup.Host) error {
	for _, l := range all {
		for _, from := range []*runnerv1.Limits{b.Default, b.Max} {
			if from != nil && *l.of(from) > 0 && l.controller != "" && !groups.Can(l.controller) {
				return ErrUnsupported(l.name, groups)
			}
		}
	}
	return nil
}

// ErrUnsupported is [executor.ErrLimitUnsupported] for one limit.
func ErrUnsupported(name string, groups *cgroup.Host) error {
	return executor.ErrLimitUnsupported.With("It cannot limit %s: its control groups are %s", name, groups)
}

// inForce are the limits of an attempt whose job asks for some.
func (b Bounds) inForce(asked *runnerv1.Limits, groups *cgroup.Host) (*runnerv1.Limits, error) {
	out := &runnerv1.Limits{}
	for _, l := range all {
		value := func(from *runnerv1.Limits) int64 {
			if from == nil {
				return 0
			}
			return *l.of(from)
		}
		can := l.controller == "" || groups.Can(l.controller)
		most := value(b.Max)
		switch n := value(asked); {
		case n > 0 && !can:
			return nil, ErrUnsupported(l.name, groups)
		case n > 0 && most > 0 && n > most:
			return nil, executor.ErrLimitTooHigh.With("limits.%s is %s, the host allows at most %s", l.name, l.text(n), l.text(most))
		default:
			*l.of(out) = cmp.Or(n, value(b.Default), most)
		}
	}
	return out, nil
}

func parseSize(text string) (int64, error) {
	for unit, shift := range map[string]int{"MiB": 20, "GiB": 30} {
		if digits, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.ParseInt(digits, 10, 32)
			return n << shift, err
		}
	}
	return 0, fmt.Errorf("%q is not a whole number of MiB or GiB", text)
}

func parseCPUs(text string) (int64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err == nil && (n < 0.01 || n > 4096) {
		err = fmt.Errorf("%v processors", n)
	}
	return int64(n * 1000), err
}

func parseCount(text string) (int64, error) { return strconv.ParseInt(text, 10, 32) }

func sizeText(n int64) string {
	if n >= 1<<30 && n%(1<<30) == 0 {
		return fmt.Sprintf("%dGiB", n>>30)
	}
	return fmt.Sprintf("%dMiB", n>>20)
}

func cpusText(n int64) string { return strconv.FormatFloat(float64(n)/1000, 'f', -1, 64) }

func countText(n int64) string { return strconv.FormatInt(n, 10) }
