//go:build bench

package main

import (
	"fmt"
	"slices"
	"time"
)

// sample is a set of measured durations.
type sample []time.Duration

// at returns the value below which the fraction q of the sample lies.
func (s sample) at(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func (s sample) median() time.Duration { return s.at(0.5) }

// row is one line of the report.
type row struct {
	Goal  string  `json:"goal"`  // number in the list of goals, and what is measured
	Floor string  `json:"floor"` // what the parts can do, in this run
	Ours  string  `json:"ours"`
	Ratio float64 `json:"ratio,omitempty"` // ours to the floor, as the goal states it
	Mark  string  `json:"mark"`            // the first mark of the goal
	Met   bool    `json:"met"`
	Notes string  `json:"notes,omitempty"`
}

func (r row) String() string {
	verdict := "missed"
	if r.Met {
		verdict = "met"
	}
	ratio := ""
	if r.Ratio != 0 {
		ratio = fmt.Sprintf("%.2f", r.Ratio)
	}
	return fmt.Sprintf("%-52s %-30s %-34s %8s  %-14s %s", r.Goal, r.Floor, r.Ours, ratio, r.Mark, verdict)
}

func perSecond(n int, took time.Duration) float64 { return float64(n) / took.Seconds() }

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// medianOf runs a measurement several times and returns the median of its figure.
func medianOf(times int, measure func() (float64, error)) (float64, error) {
	var figures []float64
	for range times {
		figure, err := measure()
		if err != nil {
			return 0, err
		}
		figures = append(figures, figure)
	}
	slices.Sort(figures)
	return figures[len(figures)/2], nil
}
