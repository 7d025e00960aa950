package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// page lays out what a person reads of assertions: a line for each fact, and in it, between quotes, what issuers wrote. Anybody may write anything there, also what looks like a line of
// ours to who sees it broken by a terminal: so their words are folded, broken before the terminal breaks them, quoted on each line, and indented there as no line of ours is.
type page struct {
	paint
	width int  // of the terminal, in cells
	facts bool // our own words are broken too: a person reads, and no program
}

const (
	// usualWidth is that of a terminal where it is not known: what is printed to a file may be shown on any.
	usualWidth = 80
	// leastWidth is what a line can be broken to: narrower terminals break it themselves.
	leastWidth = 40
	// labelCells is how much the label of a fact takes, and hangBy how much further a line that goes on is indented.
	labelCells, hangBy = 10, 2
)

func newPage(out io.Writer) page {
	pg := page{paint: newPaint(out), width: usualWidth}
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return pg
	}
	pg.facts = true
	if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
		pg.width = max(width, leastWidth)
	}
	return pg
}

// span is a piece of a line.
type span struct {
	text    string
	theirs  bool                // an issuer wrote it
	painted func(string) string // nil: as it is
}

func ours(format string, args ...any) span { return span{text: fmt.Sprintf(format, args...)} }
func theirs(text string) span              { return span{text: text, theirs: true} }

// fact writes a line with a label.
func (pg page) fact(b *strings.Builder, label string, spans ...span) {
	pg.labelled(b, labelCells, label, spans...)
}

// headline writes the line above the facts.
func (pg page) headline(b *strings.Builder, head span, spans ...span) {
	text := printable(head.text) + "  "
	if head.painted != nil {
		b.WriteString(head.painted(text))
	} else {
		b.WriteString(text)
	}
	pg.rest(b, cellsOf(text), 2+labelCells+hangBy, spans)
}

// labelled is fact with a label of another width, in cells.
func (pg page) labelled(b *strings.Builder, cells int, label string, spans ...span) {
	prefix := fmt.Sprintf("  %-*s", cells, label)
	b.WriteString(prefix)
	pg.rest(b, len(prefix), len(prefix)+hangBy, spans)
}

// rest writes a line that is so many cells far; where it goes on it is indented by hang cells.
func (pg page) rest(b *strings.Builder, cells, hang int, spans []span) {
	w := &lineWriter{b: b, page: pg, hang: hang, cells: cells}
	for _, s := range spans {
		if s.theirs {
			w.writeTheirs(s)
		} else {
			w.writeOurs(s)
		}
	}
	b.WriteByte('\n')
}

// lineWriter breaks one line.
type lineWriter struct {
	page
	b           *strings.Builder
	hang, cells int  // indent of what follows, and how far the present one is
	gap         bool // a space is due
}

// next breaks the line.
func (w *lineWriter) next() {
	w.b.WriteString("\n" + strings.Repeat(" ", w.hang))
	w.cells, w.gap = w.hang, false
}

// room is how many cells are left, with the space that is due.
func (w *lineWriter) room() int {
	if w.gap {
		return w.width - w.cells - 1
	}
	return w.width - w.cells
}

func (w *lineWriter) put(text string, painted func(string) string) {
	if w.gap {
		w.b.WriteByte(' ')
		w.cells++
		w.gap = false
	}
	w.cells += cellsOf(text)
	if painted != nil {
		text = painted(text)
	}
	w.b.WriteString(text)
}

// writeOurs writes words of ours. A word that fits on no line stays whole: it is a hash, an ID or a link.
func (w *lineWriter) writeOurs(s span) {
	for i, word := range strings.Split(printable(s.text), " ") {
		w.gap = w.gap || i > 0
		if word == "" {
			continue
		}
		if need := cellsOf(word); w.facts && need > w.room() && w.hang+need <= w.width {
			w.next()
		}
		w.put(word, s.painted)
	}
}

// writeTheirs writes words of an issuer, in quotes on each line.
func (w *lineWriter) writeTheirs(s span) {
	words := strings.Fields(folded(s.text))
	w.facts = true // how far the line is, is for them to say now
	for i := 0; ; {
		var line []rune // what of them comes on this line
		for room := w.room() - 2; i < len(words); i++ {
			word, lead := []rune(words[i]), 0
			if len(line) > 0 {
				lead = 1
			}
			if lead+cellsOf(words[i]) <= room {
				if lead > 0 {
					line = append(line, ' ')
				}
				line = append(line, word...)
				room -= lead + cellsOf(words[i])
				continue
			}
			if len(line) == 0 && cellsOf(words[i]) > w.width-w.hang-2 { // it fits on no line
				n := 0
				for cells := 0; n < len(word) && cells+cellsOf(string(word[n])) <= room; n++ {
					cells += cellsOf(string(word[n]))
				}
				line, words[i] = word[:n], string(word[n:])
			}
			break
		}
		if len(line) > 0 || len(words) == 0 {
			w.put("“", nil)
			w.put(string(line), s.painted)
			w.put("”", nil)
		}
		if i == len(words) {
			return
		}
		w.next()
	}
}

// maxMarks bounds the marks on one letter: a tower of them is painted over the lines above and below.
const maxMarks = 4

// folded makes one line of single spaces out of what an issuer wrote, in which our quotes do not occur.
func folded(text string) string {
	var b strings.Builder
	gap, marks := false, 0
	for _, r := range text {
		if blank(r) {
			gap = true
			continue
		}
		if unicode.In(r, unicode.Mn, unicode.Me) {
			if marks++; marks > maxMarks {
				continue
			}
		} else {
			marks = 0
		}
		if gap && b.Len() > 0 {
			b.WriteByte(' ')
		}
		gap = false
		if strings.ContainsRune("“”„‟❝❞〝〞〟″＂", r) {
			r = '"'
		}
		b.WriteRune(r)
	}
	return printable(b.String())
}

// blank tells white space, and what is shown as if it were: fillers, and characters without width that could stand in great numbers.
func blank(r rune) bool {
	switch r {
	case 0x00AD, 0x034F, 0x115F, 0x1160, 0x180E, 0x200B, 0x2800, 0x3164, 0xFEFF, 0xFFA0:
		return true
	}
	return unicode.IsSpace(r) || unicode.Is(unicode.Z, r) || r >= 0x2060 && r <= 0x2064 || r >= 0xE0000 && r <= 0xE007F
}

// cellsOf is how many cells of a terminal a text takes at the most: it may be less of what is neither Latin, Greek, Cyrillic nor another letter before the East Asian ones, of which some take two.
func cellsOf(text string) int {
	const eastAsian, punctuation, punctuationEnd = 0x1100, 0x2010, 0x2027
	cells := 0
	for _, r := range text {
		cells++
		if r >= eastAsian && (r < punctuation || r > punctuationEnd) {
			cells++
		}
	}
	return cells
}
