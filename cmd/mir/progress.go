package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"golang.org/x/term"
)

// progress counts the results of a stream and tells them on the error stream: now and then on a terminal, once at the end elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
	began    time.Time
	shown    time.Time

	done, kept, known, rejected, unreachable int
}

func newProgress(out io.Writer) *progress {
	file, ok := out.(*os.File)
	return &progress{out: out, terminal: ok && term.IsTerminal(int(file.Fd())), began: time.Now()}
}

func (p *progress) count(r submitResult) {
	p.done++
	switch {
	case r.Status == http.StatusCreated:
		p.kept++
	case r.Status == http.StatusOK:
		p.known++
	case (&nodeAnswer{status: r.Status}).busy() || r.Status >= 500:
		p.unreachable++
	default:
		p.rejected++
	}
}

func (p *progress) show(last bool) {
	if !last && (!p.terminal || time.Since(p.shown) < progressEvery) {
		return
	}
	p.shown = time.Now()
	begin, end := "", "\n"
	if p.terminal {
		begin = "\r\x1b[K"
		if !last {
			end = ""
		}
	}
	rate := float64(p.done) / max(time.Since(p.began).Seconds(), 0.001)
	fmt.Fprintf(p.out, "%s%s: %d kept, %d known already, %d rejected, %d not taken (%.0f/s)%s",
		begin, plural(p.done, "claim"), p.kept, p.known, p.rejected, p.unreachable, rate, end)
}

func (p *progress) end() { p.show(true) }
