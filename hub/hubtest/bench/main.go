package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"time"
)

// measurements in their order: those that use the binaries come first, so that the
// hub that is measured idle has worked before and settles while others are measured.
var measurements = []struct {
	name string
	run  func(context.Context, *bench) ([]row, error)
}{
	{"single", measureSingle},
	{"follow", measureFollow},
	{"punctual", measurePunctuality},
	{"lifecycle", measureLifecycle},
	{"schedules", measureSchedules},
	{"idle", measureIdle},
	{"memory", measureMemory},
}

// limit is how long a whole run may take once everything is built, and what a hang ends with.
const limit = 6 * time.Minute

type options struct {
	quick     bool
	only      string
	schedules int
	out       string
	profile   string
	keepLogs  bool
}

func main() {
	var o options
	flag.BoolVar(&o.quick, "quick", false, "a smoke of about a minute: few samples, little settling")
	flag.StringVar(&o.only, "only", "", "measure only these, comma-separated: "+strings.Join(names(), ", "))
	flag.IntVar(&o.schedules, "schedules", 100_000, "how many schedules goal 6 is measured with")
	flag.StringVar(&o.out, "out", "docs/benchmarks/latest.json", "where a whole run is written")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of this process, in which the in-process hub and agents run")
	flag.BoolVar(&o.keepLogs, "logs", false, "show what hub and agent log")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := measureAll(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func names() []string {
	var all []string
	for _, m := range measurements {
		all = append(all, m.name)
	}
	return all
}

func measureAll(ctx context.Context, o options) (err error) {
	var wanted []string
	if o.only != "" {
		wanted = strings.Split(o.only, ",")
	}
	for _, name := range wanted {
		if !slices.Contains(names(), name) {
			return fmt.Errorf("-only %s: there are %s", name, strings.Join(names(), ", "))
		}
	}
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	b, err := newBench(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.build(ctx); err != nil {
		return err
	}
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it took longer than %s", limit))
	defer cancel()
	found := report{At: began.UTC().Truncate(time.Second)}
	if found.Machine, err = describe(ctx, b); err != nil {
		return fmt.Errorf("describe the machine: %w", err)
	}
	failed := measure(ctx, b, wanted, &found)
	found.Took = time.Since(began).Round(time.Second).String()
	found.print(os.Stdout)
	if failed != nil || o.quick || wanted != nil {
		return failed
	}
	return found.write(o.out)
}

// measure goes on after a failure, so that one run tells of all.
func measure(ctx context.Context, b *bench, wanted []string, found *report) error {
	var failed []error
	for _, m := range measurements {
		if wanted != nil && !slices.Contains(wanted, m.name) {
			continue
		}
		began := time.Now()
		rows, err := m.run(ctx, b)
		for i := range rows {
			if err == nil {
				err = rows[i].judge()
			}
		}
		if ctx.Err() != nil {
			err = errors.Join(err, context.Cause(ctx))
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s could not be measured: %w", m.name, err))
		} else {
			found.Rows = append(found.Rows, rows...)
		}
		fmt.Fprintf(os.Stderr, "%s: %s\n", m.name, time.Since(began).Round(100*time.Millisecond))
	}
	return errors.Join(failed...)
}
