package discovery

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"mirnode/discovery/internal/dnsclient"
	"mirnode/discovery/internal/guard"
)

// tooLargeError ends the reading of an answer that is larger than was allowed.
type tooLargeError struct{ limit int64 }

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("the answer is larger than %d bytes", e.limit)
}

// IsTooLarge tells whether a PeerClient refused an answer because of its size.
func IsTooLarge(err error) bool {
	var large *tooLargeError
	return errors.As(err, &large)
}

var errStalled = errors.New("the answer stopped in the middle")

// patientBody bounds an answer in size, and in the time that its next byte may take.
type patientBody struct {
	body   io.ReadCloser
	limit  int64
	left   int64
	stall  time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
	late   atomic.Bool // the timer ended the answer
	once   sync.Once
}

func newPatientBody(body io.ReadCloser, limit int64, stall time.Duration, cancel context.CancelCauseFunc) *patientBody {
	b := &patientBody{body: body, limit: limit, left: limit, stall: stall, cancel: cancel}
	b.timer = time.AfterFunc(stall, func() {
		b.late.Store(true)
		cancel(errStalled)
	})
	b.timer.Stop() // it runs while a Read waits, not while the reader thinks
	return b
}

// Read implements io.Reader.
func (b *patientBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	b.timer.Reset(b.stall)
	n, err := b.body.Read(p)
	b.timer.Stop()
	if err != nil && b.late.Load() {
		err = errStalled
	}
	if int64(n) > b.left {
		n, err = int(b.left), &tooLargeError{b.limit}
	}
	b.left -= int64(n)
	return n, err
}

// Close implements io.Closer. It may be called several times.
func (b *patientBody) Close() error {
	err := b.body.Close()
	b.once.Do(func() {
		b.timer.Stop()
		b.cancel(nil)
	})
	return err
}

// Explain says in words for people why a request of a PeerClient failed. Nothing of this machine's inside is in it.
func Explain(err error) string {
	var (
		rule        *ruleError
		resolve     *dnsclient.Error
		certificate *tls.CertificateVerificationError
	)
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.Canceled):
		return "the request was given up"
	case errors.Is(err, errNoName):
		return "its host name does not exist in DNS"
	case errors.Is(err, errNoAddress):
		return "its host name has no address"
	case errors.Is(err, guard.ErrForbidden):
		return "its host name leads to an address that is not public"
	case errors.As(err, &rule):
		return rule.message
	case IsTooLarge(err):
		return "it sent more than was asked for"
	case errors.As(err, &certificate):
		return certificateFault(certificate)
	case errors.As(err, &resolve):
		return "its host name could not be resolved: " + clip(resolve.Reason)
	case errors.Is(err, errStalled), isTimeout(err):
		return "it did not answer in time"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "it ended the connection in the middle"
	}
	return "no connection: " + clip(fault(err))
}

// fault is the heart of a connection's error, without addresses.
func fault(err error) string {
	var (
		request *url.Error
		host    *hostError
		socket  *net.OpError
		call    *os.SyscallError
	)
	switch {
	case errors.As(err, &call):
		return call.Err.Error()
	case errors.As(err, &socket):
		return socket.Err.Error()
	case errors.As(err, &host):
		return host.err.Error()
	case errors.As(err, &request):
		return request.Err.Error()
	}
	return err.Error()
}
