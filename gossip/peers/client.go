package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"mirnode/discovery"
	"mirnode/internal/strictjson"
)

// Bounds of a call to a peer.
const (
	// DefaultTimeout bounds a Get or Post as a whole, DefaultStreamTimeout a stream.
	DefaultTimeout       = 30 * time.Second
	DefaultStreamTimeout = 2 * time.Minute
	// maxErrorBytes bounds what is read of an answer that is an error.
	maxErrorBytes = 4 << 10
	// maxRetryAfter bounds how long a peer can tell us to stay away.
	maxRetryAfter = 10 * time.Minute
)

// HTTP carries requests to peers. [*discovery.PeerClient] does, with its rules about addresses and its bounds.
type HTTP interface {
	Do(request *http.Request, limit int64) (*http.Response, error)
}

// StatusError is an answer with a status other than 200 or 202.
type StatusError struct {
	Code       int
	Message    string        // what the peer says, short and printable; may be empty
	RetryAfter time.Duration // 0: it does not say
	Body       []byte        // the answer, cut off at 4 KiB; some refusals carry data
}

// Error says what the peer answered.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("it answered %d %s", e.Code, http.StatusText(e.Code))
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// TooLargeError is an answer that is larger than was allowed.
type TooLargeError struct{ Limit int64 }

// Error names the bound.
func (e *TooLargeError) Error() string { return fmt.Sprintf("it sent more than %d bytes", e.Limit) }

// UnreachableError is a peer that could not be asked, or whose answer broke off. Its text is for people.
type UnreachableError struct {
	Domain string
	Err    error
}

// Error says why in words, without anything of this machine's inside.
func (e *UnreachableError) Error() string {
	if errors.Is(e.Err, ErrSlow) {
		return ErrSlow.Error()
	}
	return discovery.Explain(e.Err)
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// Reporter takes note of each exchange. [*Book] is one.
type Reporter interface {
	Report(domain string, err error, bytes int64, took time.Duration)
	Sent(domain string, bytes int64)
}

// Client speaks to peers, and reports to the book how it went. It may be used from several goroutines.
type Client struct {
	http   HTTP
	report Reporter
	agent  string
	now    func() time.Time
}

// NewClient makes one. domain is this node's own, for the peers' logs; now nil means time.Now.
func NewClient(h HTTP, report Reporter, domain string, now func() time.Time) *Client {
	if now == nil {
		now = time.Now
	}
	return &Client{http: h, report: report, agent: "mirnode (" + domain + ")", now: now}
}

// Get fetches a path of the peer's and returns the answer's body. The errors: *StatusError (any status but 200 and 202),
// *TooLargeError (more than limit bytes), *UnreachableError (also when ctx's time is over), context.Canceled.
func (c *Client) Get(ctx context.Context, p Peer, path string, limit int64) ([]byte, error) {
	return c.whole(ctx, p, http.MethodGet, path, "", nil, limit)
}

// Post is Get with a body.
func (c *Client) Post(ctx context.Context, p Peer, path, contentType string, body []byte, limit int64) ([]byte, error) {
	return c.whole(ctx, p, http.MethodPost, path, contentType, body, limit)
}

// GetStream is Get for answers that are read piece by piece. Reading fails with the errors of Get. The caller closes it.
// An answer that drips (LeastRate) is an *UnreachableError with ErrSlow, here and in Get and Post.
func (c *Client) GetStream(ctx context.Context, p Peer, path string, limit int64) (io.ReadCloser, error) {
	return c.open(ctx, p, http.MethodGet, path, "", nil, limit, DefaultStreamTimeout)
}

// PostStream is GetStream with a body.
func (c *Client) PostStream(ctx context.Context, p Peer, path, contentType string, body []byte, limit int64) (io.ReadCloser, error) {
	return c.open(ctx, p, http.MethodPost, path, contentType, body, limit, DefaultStreamTimeout)
}

func (c *Client) whole(ctx context.Context, p Peer, method, path, contentType string, body []byte, limit int64) ([]byte, error) {
	answer, err := c.open(ctx, p, method, path, contentType, body, limit, DefaultTimeout)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Close() }() // its errors came with Read
	return io.ReadAll(answer)
}

func (c *Client) open(ctx context.Context, p Peer, method, path, contentType string, body []byte, limit int64, timeout time.Duration) (*stream, error) {
	began := c.now()
	bounded, cancel := context.WithTimeout(ctx, timeout)
	fail := func(err error, bytes int64) (*stream, error) {
		cancel()
		c.ended(p.Domain, err, bytes, c.now().Sub(began))
		return nil, err
	}
	if !strings.HasPrefix(path, "/") {
		cancel()
		return nil, fmt.Errorf("peers: the path %q does not start with a slash", path)
	}
	request, err := http.NewRequestWithContext(bounded, method, p.URL+path, bytes.NewReader(body))
	if err != nil {
		cancel()
		return nil, fmt.Errorf("peers: %w", err)
	}
	request.Header.Set("User-Agent", c.agent)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	c.report.Sent(p.Domain, int64(len(body)))
	answer, err := c.http.Do(request, limit)
	if err != nil {
		return fail(c.fault(ctx, p, err, limit), 0)
	}
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusAccepted {
		refusal, n := readStatus(answer, cancel)
		return fail(refusal, n)
	}
	if encoding := answer.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		_ = answer.Body.Close() // not read
		return fail(&StatusError{Code: answer.StatusCode, Message: "the answer is compressed, which was not asked for"}, 0)
	}
	return &stream{c: c, ctx: ctx, peer: p, limit: limit, body: answer.Body, pace: newPace(answer.Body, cancel), began: began, cancel: cancel}, nil
}

// ended reports an exchange. An answer is contact, whatever it says, unless it says that the peer cannot answer, or is no answer: nodes do not
// redirect each other.
func (c *Client) ended(domain string, err error, bytes int64, took time.Duration) {
	var status *StatusError
	if errors.As(err, &status) && status.Code >= 400 && status.Code < 500 && status.Code != http.StatusTooManyRequests {
		err = nil
	}
	if errors.Is(err, context.Canceled) {
		return // we gave up: it says nothing of the peer
	}
	c.report.Report(domain, err, bytes, took)
}

// fault makes an error of the transport one of the package's.
func (c *Client) fault(ctx context.Context, p Peer, err error, limit int64) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &UnreachableError{p.Domain, ctx.Err()} // the caller's time was as much as the peer had
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case discovery.IsTooLarge(err):
		return &TooLargeError{limit}
	}
	return &UnreachableError{p.Domain, err}
}

// readStatus reads an answer that is an error.
func readStatus(answer *http.Response, cancel context.CancelFunc) (*StatusError, int64) {
	defer func() { _ = answer.Body.Close() }() // read as far as it matters
	e := &StatusError{Code: answer.StatusCode}
	e.Body, _ = io.ReadAll(io.LimitReader(newPace(answer.Body, cancel), maxErrorBytes)) // what came is enough
	var said struct {
		Error string `json:"error"`
	}
	if root, err := strictjson.Parse(e.Body, strictjson.Limits{Depth: 4, Values: 64}); err == nil && root.Kind() == strictjson.Object {
		if v, ok := root.Lookup("error"); ok && v.Kind() == strictjson.String && !v.Bad() {
			said.Error = v.Text()
		}
	}
	e.Message = clip(said.Error)
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	return e, int64(len(e.Body))
}

// stream is an answer under way. It is for one goroutine.
type stream struct {
	c      *Client
	ctx    context.Context //nolint:containedctx // the call's own: an answer lives as long as it
	peer   Peer
	limit  int64
	body   io.ReadCloser
	pace   *pace
	began  time.Time
	bytes  int64
	err    error
	cancel context.CancelFunc
	once   sync.Once
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.pace.Read(p)
	s.bytes += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = s.c.fault(s.ctx, s.peer, err, s.limit)
		s.err = err
	}
	return n, err
}

// Close implements io.Closer, and reports the exchange.
func (s *stream) Close() error {
	s.once.Do(func() {
		_ = s.body.Close() // read to its end or given up
		s.cancel()
		s.c.ended(s.peer.Domain, s.err, s.bytes, s.c.now().Sub(s.began))
	})
	return nil
}
