package main

import (
	"fmt"
	"math"
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

// figure is a measured value. For durations it is in milliseconds, with quantiles;
// for repeated measurements it is the median, with the extremes.
type figure struct {
	Value float64 `json:"value"`
	P50   float64 `json:"p50,omitempty"`
	P99   float64 `json:"p99,omitempty"`
	Low   float64 `json:"low,omitempty"`
	High  float64 `json:"high,omitempty"`
	N     int     `json:"n,omitempty"`
}

// quantile is a sample's figure, whose value is the quantile q.
func quantile(s sample, q float64) *figure {
	return &figure{Value: millis(s.at(q)), P50: millis(s.at(0.5)), P99: millis(s.at(0.99)), Low: millis(s.at(0)), High: millis(s.at(1)), N: len(s)}
}

// repeated is the figure of a few measurements of the same.
func repeated(values []float64) *figure {
	sorted := slices.Sorted(slices.Values(values))
	return &figure{Value: sorted[len(sorted)/2], Low: sorted[0], High: sorted[len(sorted)-1], N: len(sorted)}
}

func once(value float64) *figure { return &figure{Value: value} }

// mark is the first mark of a goal: a bound on our figure, or on its ratio to the floor.
type mark struct {
	Bound   float64 `json:"bound"`
	Ratio   bool    `json:"ratio,omitempty"`
	AtLeast bool    `json:"at_least,omitempty"`
}

func atLeastOfFloor(bound float64) mark { return mark{Bound: bound, Ratio: true, AtLeast: true} }
func timesFloor(bound float64) mark     { return mark{Bound: bound, Ratio: true} }
func atMost(bound float64) mark         { return mark{Bound: bound} }

// row is one line of the report.
type row struct {
	Goal  string  `json:"goal"` // its number on the performance page
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Floor *figure `json:"floor,omitempty"`
	Ours  *figure `json:"ours"`
	Ratio float64 `json:"ratio,omitempty"` // ours to the floor
	Mark  mark    `json:"mark"`
	Met   bool    `json:"met"`
	Notes string  `json:"notes,omitempty"`
}

// judge fills in the ratio and the verdict. A figure that is not a number, or a
// ratio to nothing, is an error: it was not measured.
func (r *row) judge() error {
	value := r.Ours.Value
	if r.Floor != nil && r.Floor.Value > 0 {
		r.Ratio = r.Ours.Value / r.Floor.Value
	}
	if r.Mark.Ratio {
		value = r.Ratio
	}
	if math.IsNaN(value) || math.IsInf(value, 0) || r.Mark.Ratio && value <= 0 {
		return fmt.Errorf("%s: ours is %v and the floor %v, which is no measurement", r.Name, r.Ours, r.Floor)
	}
	r.Met = value <= r.Mark.Bound
	if r.Mark.AtLeast {
		r.Met = value >= r.Mark.Bound
	}
	return nil
}

func perSecond(n int, took time.Duration) float64 { return float64(n) / took.Seconds() }

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
