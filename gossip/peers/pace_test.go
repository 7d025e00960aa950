package peers_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"mirnode/gossip/peers"
)

// dripping answers with a body of some bytes, of which piece come every so often.
type dripping struct {
	total, piece int
	every        time.Duration
	ends         bool // as if all were well, when it is left
}

func (d dripping) Do(r *http.Request, _ int64) (*http.Response, error) {
	reader, writer := io.Pipe()
	go func() {
		for sent := 0; sent < d.total; sent += d.piece {
			select {
			case <-time.After(d.every):
			case <-r.Context().Done():
				err := r.Context().Err()
				if d.ends {
					err = nil
				}
				_ = writer.CloseWithError(err)
				return
			}
			if _, err := writer.Write(bytes.Repeat([]byte{'x'}, min(d.piece, d.total-sent))); err != nil {
				return
			}
		}
		_ = writer.Close()
	}()
	return &http.Response{StatusCode: http.StatusOK, Body: reader, Header: http.Header{}}, nil
}

func TestDripsAreLeft(t *testing.T) {
	for name, c := range map[string]struct {
		answer dripping
		slow   bool
		most   time.Duration
	}{
		"a byte a second":            {dripping{100, 1, time.Second, false}, true, 4 * time.Second},
		"it ends when it is left":    {dripping{100, 1, time.Second, true}, true, 4 * time.Second},
		"nothing after the headers":  {dripping{1, 1, time.Hour, false}, true, 4 * time.Second},
		"just below the least rate":  {dripping{1 << 20, 14 << 10, time.Second, false}, true, 30 * time.Second},
		"slow, but fast enough":      {dripping{160 << 10, 20 << 10, time.Second, false}, false, 9 * time.Second},
		"one pause in a good answer": {dripping{2 << 20, 1 << 20, 2 * time.Second, false}, false, 5 * time.Second},
		"short and late":             {dripping{10, 10, 2 * time.Second, false}, false, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &reports{}
				client := peers.NewClient(c.answer, r, "node1.test", nil)
				began := time.Now()
				body, err := client.Get(t.Context(), peer, "/x", 4<<20)
				if took := time.Since(began); took > c.most {
					t.Errorf("it took %v", took)
				}
				_, unreachable := errors.AsType[*peers.UnreachableError](err)
				if c.slow != errors.Is(err, peers.ErrSlow) || c.slow != unreachable || !c.slow && (err != nil || len(body) != c.answer.total) {
					t.Errorf("%d bytes, %v", len(body), err)
				}
				if len(r.errs) != 1 || (r.errs[0] != nil) != c.slow {
					t.Errorf("reported %v", r.errs)
				}
			})
		})
	}
}

// A reader that takes its time is not the peer's fault.
func TestOwnPausesAreNotThePeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := peers.NewClient(dripping{64 << 10, 1 << 10, 10 * time.Millisecond, false}, &reports{}, "node1.test", nil)
		stream, err := client.GetStream(t.Context(), peer, "/x", 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		total, piece := 0, make([]byte, 4<<10)
		for err == nil {
			var n int
			n, err = stream.Read(piece)
			total += n
			time.Sleep(time.Second)
		}
		if !errors.Is(err, io.EOF) || total != 64<<10 {
			t.Errorf("%d bytes, %v", total, err)
		}
		_ = stream.Close()
	})
}
