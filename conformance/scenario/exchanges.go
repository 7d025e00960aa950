package scenario

import (
	"sync"
	"time"

	"mirnode/conformance/cases"
)

// Bounds of what a report keeps of a case.
const (
	maxKept      = 16 << 10 // bytes of one side of an exchange
	maxHeld      = 20 << 10 // while the case is played: a secret at the end of what is kept must be seen whole
	maxExchanges = 60       // exchanges; of more, the first and the last are kept
)

// exchanges are what was sent and answered in a case, with all secrets: see [secrets.clean]. Safe for concurrent use.
type exchanges struct {
	started time.Time
	now     func() time.Time

	mu   sync.Mutex
	kept []cases.Exchange
}

// add keeps an exchange.
func (e *exchanges) add(what string, sent, received []byte) {
	e.keep(cases.Exchange{What: what, Sent: sent, Received: received})
}

// unanswered keeps that a request got no answer.
func (e *exchanges) unanswered(what string, sent []byte, why error) {
	e.keep(cases.Exchange{What: what, Sent: sent, Received: []byte(why.Error()), Unanswered: true})
}

func (e *exchanges) keep(one cases.Exchange) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.kept) >= maxExchanges {
		half := maxExchanges / 2
		e.kept = append(e.kept[:half], e.kept[half+1:]...)
	}
	one.Sent, one.Received, one.At = cutTo(one.Sent, maxHeld), cutTo(one.Received, maxHeld), e.now().Sub(e.started)
	e.kept = append(e.kept, one)
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
func cutTo(b []byte, most int) []byte {
	if len(b) <= most {
		return append([]byte(nil), b...)
	}
	const mark = "… (cut)"
	return append(append([]byte(nil), b[:most-len(mark)]...), mark...)
}
