package scenario

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"
)

// Bounds of what one connection is used for.
const (
	maxWireSent    = 80 << 20               // bytes that are sent on one connection: more than a node may ever need to read
	maxWireRead    = 16 << 20               // bytes that are read from it
	maxWireKept    = 64 << 10               // bytes of what was read that are kept to be looked at
	maxWireAnswers = 256                    // answers that are counted
	maxWireHead    = 16 << 10               // bytes of an answer's header, as of its body that are looked at: one that is longer is no answer
	maxWirePiece   = 1 << 20                // bytes that are written at one go
	wireTime       = 10 * time.Second       // how long a connection is used where the case says nothing
	maxWireTime    = 40 * time.Second       // and at most
	dialTime       = 5 * time.Second        // for a connection to come about
	settleTime     = 250 * time.Millisecond // after an answer: a second one, or the close, may follow
	drainTime      = 250 * time.Millisecond // for what lies in the socket of a connection that was not read
)

// wirePiece is one thing that a client does on a connection. Each has one of Lines, Text, Base64, Pause and End.
type wirePiece struct {
	Lines  []string `json:"lines,omitempty"`  // each is sent with CR LF behind it
	Text   string   `json:"text,omitempty"`   // is sent as it stands, in UTF-8
	Base64 string   `json:"base64,omitempty"` // is sent decoded
	Times  int      `json:"times,omitempty"`  // how often it is sent; 0 is once
	Every  pause    `json:"every,omitempty"`  // how long to wait after each
	Pause  pause    `json:"pause,omitempty"`  // wait
	End    string   `json:"end,omitempty"`    // "write": say that no more comes, and go on reading; "both": go away
}

// pause is a length of time, as in "200ms".
type pause struct{ time.Duration }

// UnmarshalText reads it; it is bounded by [maxWireTime].
func (p *pause) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 || d > maxWireTime {
		return fmt.Errorf("%q is no length of time up to %v, such as 200ms", text, maxWireTime)
	}
	p.Duration = d
	return nil
}

// bytes gives what the piece sends once.
func (p *wirePiece) bytes() ([]byte, error) {
	switch {
	case len(p.Lines) > 0:
		return []byte(strings.Join(p.Lines, "\r\n") + "\r\n"), nil
	case p.Text != "":
		return []byte(p.Text), nil
	}
	return base64.StdEncoding.DecodeString(p.Base64)
}

// wire is one connection that a client uses as it likes.
type wire struct {
	address string      // host:port
	tls     *tls.Config // nil: in the clear
	from    netip.Addr  // the client's own address; the zero value: the system's choice
	pieces  []wirePiece
	silent  bool          // never reads
	closes  bool          // the server is expected to close: an answer is not the end
	limit   time.Duration // for all of it
}

// wireResult is what came of a connection.
type wireResult struct {
	refused   bool         // there was no connection
	closed    bool         // the server ended it, orderly or not
	malformed bool         // what came was not HTTP
	continued bool         // a 100 came
	answers   []wireAnswer // complete ones, without those of the 1xx class
	taken     int64        // bytes that the connection took from us
	sent      []byte       // the beginning of these
	received  []byte       // the beginning of what came
	gone      bool         // the client itself ended it
}

// wireAnswer is one answer on a connection.
type wireAnswer struct {
	status int
	header http.Header
	body   []byte // its beginning
}

// run uses the connection up. The error tells of the suite's own faults alone; whatever the server does is a result.
func (w *wire) run(ctx context.Context) (*wireResult, error) {
	ctx, cancel := context.WithTimeout(ctx, w.limit)
	defer cancel()
	dialer := net.Dialer{Timeout: dialTime}
	if w.from.IsValid() {
		dialer.LocalAddr = &net.TCPAddr{IP: w.from.AsSlice()}
	}
	result := new(wireResult)
	connection, err := dialer.DialContext(ctx, "tcp", w.address)
	if err != nil {
		if _, local := errors.AsType[*os.SyscallError](err); local && strings.Contains(err.Error(), "bind") {
			return nil, err
		}
		result.refused = true
		return result, nil
	}
	defer func() { _ = connection.Close() }() // what it has to say no longer matters
	if w.tls != nil {
		secured := tls.Client(connection, w.tls)
		if secured.HandshakeContext(ctx) != nil {
			result.refused = true
			return result, nil
		}
		connection = secured
	}
	stop := context.AfterFunc(ctx, func() { _ = connection.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	reader := newWireReader(connection)
	if !w.silent {
		go reader.run()
	}
	if err := w.write(ctx, connection, result); err != nil {
		return nil, err
	}
	switch {
	case result.gone:
		_ = connection.Close()
	case w.silent:
		sleep(ctx, time.Until(deadlineOf(ctx))-drainTime)
		_ = connection.SetReadDeadline(time.Now().Add(drainTime))
		go reader.run()
	default:
		reader.await(ctx, w.closes)
	}
	_ = connection.SetReadDeadline(time.Now().Add(drainTime)) // what has been answered by now is not lost
	if !w.silent && (!w.closes || ctx.Err() != nil) {
		_ = connection.SetReadDeadline(time.Unix(1, 0))
	}
	<-reader.done
	reader.tell(result)
	return result, nil
}

func deadlineOf(ctx context.Context) time.Time {
	deadline, _ := ctx.Deadline() // run has set one
	return deadline
}

// write does what the pieces say, until the server ends the connection or the time is over.
func (w *wire) write(ctx context.Context, connection net.Conn, result *wireResult) error {
	for i := range w.pieces {
		piece := &w.pieces[i]
		sleep(ctx, piece.Pause.Duration)
		switch piece.End {
		case "write":
			if half, ok := connection.(interface{ CloseWrite() error }); ok {
				_ = half.CloseWrite() // fails where the connection is gone, which the reader sees
			}
		case "both":
			result.gone = true
			return nil
		}
		once, err := piece.bytes()
		if err != nil {
			return fmt.Errorf("%w: %w", errSteps, err)
		}
		if goesOn := sendPiece(ctx, connection, piece, once, result); !goesOn {
			return nil
		}
		if result.taken > maxWireSent {
			return fmt.Errorf("%w: a connection sends more than %d bytes", errSteps, maxWireSent)
		}
	}
	return nil
}

// sendPiece sends one piece as often as it says, and tells whether the connection still takes anything.
func sendPiece(ctx context.Context, connection net.Conn, piece *wirePiece, once []byte, result *wireResult) bool {
	if len(once) == 0 {
		return true
	}
	left := max(1, piece.Times)
	chunk := 1 // how many go at one time
	if piece.Every.Duration == 0 {
		chunk = max(1, min(left, maxWirePiece/len(once)))
	}
	many := bytes.Repeat(once, chunk)
	for left > 0 && result.taken <= maxWireSent {
		now := many[:min(left, chunk)*len(once)]
		n, err := connection.Write(now)
		result.taken += int64(n)
		if room := maxWireKept - len(result.sent); room > 0 {
			result.sent = append(result.sent, now[:min(n, room)]...)
		}
		if err != nil {
			result.closed = result.closed || !errors.Is(err, os.ErrDeadlineExceeded)
			return false
		}
		left -= chunk
		if piece.Every.Duration > 0 && !sleep(ctx, piece.Every.Duration) {
			return false
		}
	}
	return ctx.Err() == nil
}

// wireReader reads answers until the connection ends, by itself: run in a goroutine of its own, which owns its fields until done is closed.
type wireReader struct {
	in     io.LimitedReader // of the head that is read, or of all that follows
	left   int64            // bytes that may be read in all, without those that in may give
	heard  chan struct{}    // something came; holds one at most
	done   chan struct{}
	result wireResult
}

func newWireReader(connection net.Conn) *wireReader {
	return &wireReader{in: io.LimitedReader{R: connection}, left: maxWireRead, heard: make(chan struct{}, 1), done: make(chan struct{})}
}

// Write keeps the beginning of what is read.
func (r *wireReader) Write(b []byte) (int, error) {
	if room := maxWireKept - len(r.result.received); room > 0 {
		r.result.received = append(r.result.received, b[:min(len(b), room)]...)
	}
	return len(b), nil
}

// allow lets so many bytes more be read from the connection, as far as all that may be read reaches.
func (r *wireReader) allow(most int64) {
	r.left += r.in.N
	r.in.N = min(most, r.left)
	r.left -= r.in.N
}

func (r *wireReader) run() {
	defer close(r.done)
	in := bufio.NewReader(io.TeeReader(&r.in, r))
	for kept := 0; ; { // bytes of headers and bodies that are kept
		r.allow(maxWireHead)
		if _, err := in.Peek(1); err != nil {
			r.ended(err)
			return
		}
		answer, err := http.ReadResponse(in, nil)
		tooLong := err != nil && r.in.N == 0
		r.allow(maxWireRead)
		if err != nil {
			r.result.malformed = tooLong || !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, io.ErrUnexpectedEOF)
			_, err = io.Copy(io.Discard, in)
			r.ended(err)
			return
		}
		body, err := io.ReadAll(io.LimitReader(answer.Body, maxWireHead))
		if err == nil {
			_, err = io.Copy(io.Discard, answer.Body)
		}
		_ = answer.Body.Close()
		if kept += maxWireHead; kept > maxWireKept { // of those behind, the status alone
			answer.Header, body = http.Header{}, nil
		}
		r.took(answer, body)
		if err != nil {
			r.ended(err)
			return
		}
	}
}

// took notes an answer; one whose body broke off counts, since its status was said.
func (r *wireReader) took(answer *http.Response, body []byte) {
	if answer.StatusCode < http.StatusOK {
		r.result.continued = r.result.continued || answer.StatusCode == http.StatusContinue
		return
	}
	if len(r.result.answers) < maxWireAnswers {
		r.result.answers = append(r.result.answers, wireAnswer{status: answer.StatusCode, header: answer.Header, body: body})
	}
	select {
	case r.heard <- struct{}{}:
	default:
	}
}

// ended tells the server's end of a connection from ours.
func (r *wireReader) ended(err error) {
	weEnded := r.left+r.in.N <= 0 // we have read as much as we do
	r.result.closed = !weEnded && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed)
}

// await waits for the end of the connection; where it need not end, an answer with nothing behind it is the end.
func (r *wireReader) await(ctx context.Context, closes bool) {
	var settled <-chan time.Time
	for {
		select {
		case <-r.done:
			return
		case <-ctx.Done():
			return
		case <-r.heard:
			if !closes {
				settled = time.After(settleTime)
			}
		case <-settled:
			return
		}
	}
}

// tell adds what the reader saw. It is called after done is closed.
func (r *wireReader) tell(to *wireResult) {
	to.closed = to.closed || r.result.closed
	to.malformed, to.continued = r.result.malformed, r.result.continued
	to.answers, to.received = r.result.answers, r.result.received
}
