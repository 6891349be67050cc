package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// report is what a run found.
type report struct {
	At      time.Time   `json:"at"`
	Took    string      `json:"took"`
	Machine description `json:"machine"`
	Rows    []row       `json:"rows"`
}

// description tells of a machine what matters, and not its name.
type description struct {
	CPU        string  `json:"cpu,omitempty"`
	Cores      int     `json:"cores"`
	MemoryGiB  float64 `json:"memory_gib"`
	Kernel     string  `json:"kernel"`
	Go         string  `json:"go"`
	PostgreSQL string  `json:"postgresql"`
	Load       string  `json:"load_at_start"`
}

func describe(ctx context.Context, b *bench) (description, error) {
	d := description{Cores: runtime.NumCPU(), Go: runtime.Version(), CPU: fieldOf("/proc/cpuinfo", "model name")}
	var u unix.Utsname
	var info unix.Sysinfo_t
	if err := errors.Join(unix.Uname(&u), unix.Sysinfo(&info)); err != nil {
		return d, err
	}
	d.Kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	d.MemoryGiB = float64(info.Totalram*uint64(info.Unit)>>20) / 1024
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return d, err
	}
	d.Load, _, _ = strings.Cut(string(load), " ")
	_, db, err := b.database(ctx, "")
	if err != nil {
		return d, err
	}
	defer db.Close()
	return d, db.Pool.QueryRow(ctx, "select current_setting('server_version')").Scan(&d.PostgreSQL)
}

// fieldOf returns the first "name: value" of a file, "" without one.
func fieldOf(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// write replaces the file whole.
func (r report) write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // documents
		return err
	}
	if err := os.WriteFile(path+".tmp", append(text, '\n'), 0o644); err != nil { //nolint:gosec // a document
		return err
	}
	return os.Rename(path+".tmp", path)
}

// print writes the table, and under it what else was seen.
func (r report) print(w io.Writer) {
	m := r.Machine
	fmt.Fprintf(w, "\n%d cores (%s), %.0f GiB, %s, %s, PostgreSQL %s with fsync, load %s at the start; %s\n\n",
		m.Cores, m.CPU, m.MemoryGiB, m.Kernel, m.Go, m.PostgreSQL, m.Load, r.Took)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "GOAL\tWHAT\tFLOOR\tOURS\tRATIO\tFIRST MARK\t\tP50\tP99\tSPREAD")
	for _, row := range r.Rows {
		fmt.Fprintln(table, strings.Join(row.cells(), "\t"))
	}
	_ = table.Flush()
	for _, row := range r.Rows {
		if row.Notes != "" {
			fmt.Fprintf(w, "\n%s: %s", row.Name, row.Notes)
		}
	}
	fmt.Fprintln(w)
}

func (r row) cells() []string {
	show := func(v float64) string { return number(v, r.Unit) + " " + r.Unit }
	cells := []string{r.Goal, r.Name, "–", show(r.Ours.Value), "–", "", "missed", "", "", ""}
	if r.Floor != nil {
		cells[2] = show(r.Floor.Value)
		cells[4] = fmt.Sprintf("%.2f", r.Ratio)
	}
	cells[5] = "≤ " + show(r.Mark.Bound)
	switch {
	case r.Mark.AtLeast:
		cells[5] = fmt.Sprintf("≥ %.0f %% of floor", 100*r.Mark.Bound)
	case r.Mark.Ratio:
		cells[5] = fmt.Sprintf("≤ %g × floor", r.Mark.Bound)
	}
	if r.Met {
		cells[6] = "met"
	}
	if r.Ours.P99 > 0 {
		cells[7], cells[8] = number(r.Ours.P50, r.Unit), number(r.Ours.P99, r.Unit)
	}
	if r.Ours.High > 0 {
		cells[9] = fmt.Sprintf("%s … %s", number(r.Ours.Low, r.Unit), number(r.Ours.High, r.Unit))
	}
	return cells
}

func number(v float64, unit string) string {
	switch {
	case unit == "runs/s" || v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
