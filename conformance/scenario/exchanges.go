package scenario

import (
	"sync"
	"time"

	"mirnode/conformance/cases"
)

// Bounds of what a report keeps of a case.
const (
	maxKept      = 16 << 10 // bytes of one side of an exchange
	maxExchanges = 60       // exchanges; of more, the first and the last are kept
)

// exchanges are what was sent and answered in a case. Safe for concurrent use.
type exchanges struct {
	started time.Time
	now     func() time.Time

	mu   sync.Mutex
	kept []cases.Exchange
}

// add keeps an exchange.
func (e *exchanges) add(what string, sent, received []byte) {
	e.keep(cases.Exchange{What: what, Sent: cutTo(sent), Received: cutTo(received)})
}

// addUnanswered keeps what was sent in vain, and why no answer came.
func (e *exchanges) addUnanswered(what string, sent []byte, why error) {
	e.keep(cases.Exchange{What: what, Sent: cutTo(sent), Received: cutTo([]byte(why.Error())), Unanswered: true})
}

func (e *exchanges) keep(x cases.Exchange) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.kept) >= maxExchanges {
		half := maxExchanges / 2
		e.kept = append(e.kept[:half], e.kept[half+1:]...)
	}
	x.At = e.now().Sub(e.started)
	e.kept = append(e.kept, x)
}

// mark and cut forget what was kept since.
func (e *exchanges) mark() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.kept)
}

func (e *exchanges) cut(mark int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if mark < len(e.kept) {
		e.kept = e.kept[:mark]
	}
}

func (e *exchanges) list() []cases.Exchange {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]cases.Exchange(nil), e.kept...)
}

// cutTo copies what is kept of a text, with a mark where it was cut.
func cutTo(b []byte) []byte {
	if len(b) <= maxKept {
		return append([]byte(nil), b...)
	}
	const mark = "… (cut)"
	return append(append([]byte(nil), b[:maxKept-len(mark)]...), mark...)
}
