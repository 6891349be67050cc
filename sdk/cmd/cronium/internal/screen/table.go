package screen

import "strings"

// Column is a column of a table.
type Column struct {
	Title string
	Right bool // align to the right
	Flex  bool // may be shortened when the terminal is narrow
}

// Cell is a value in a table. Text must be clean (see [Name]).
type Cell struct {
	Text  string
	Style Style
}

// Table writes rows. On a terminal it has a header and fits the width, unless wide;
// in a pipe values are separated by tabs and nothing is left out.
func (s *Screen) Table(columns []Column, rows [][]Cell, wide bool) {
	if !s.Terminal {
		for _, row := range rows {
			texts := make([]string, len(row))
			for i, c := range row {
				texts[i] = c.Text
			}
			s.Printf("%s\n", strings.Join(texts, "\t"))
		}
		return
	}
	widths := s.widths(columns, rows, wide)
	header := make([]Cell, len(columns))
	for i, c := range columns {
		header[i] = Cell{strings.ToUpper(c.Title), Dim}
	}
	for _, row := range append([][]Cell{header}, rows...) {
		s.row(columns, widths, row)
	}
}

func (s *Screen) row(columns []Column, widths []int, row []Cell) {
	var b strings.Builder
	for i, cell := range row {
		text := Middle(cell.Text, widths[i])
		end := i == len(row)-1
		if i > 0 {
			b.WriteString("  ")
		}
		padded := text
		if !end || columns[i].Right {
			padded = pad(text, widths[i], columns[i].Right)
		}
		b.WriteString(strings.Replace(padded, text, s.Paint(cell.Style, text), 1))
	}
	s.Printf("%s\n", strings.TrimRight(b.String(), " "))
}

// widths gives each column what it needs, and takes what is missing from the
// widest flexible one, step by step.
func (s *Screen) widths(columns []Column, rows [][]Cell, wide bool) []int {
	widths := make([]int, len(columns))
	total := 2 * (len(columns) - 1)
	for i, c := range columns {
		widths[i] = Columns(c.Title)
		for _, row := range rows {
			widths[i] = max(widths[i], Columns(row[i].Text))
		}
		total += widths[i]
	}
	for !wide && total > s.Width {
		widest := -1
		for i, c := range columns {
			if c.Flex && widths[i] > 8 && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
		total--
	}
	return widths
}
