package federation_test

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"io"
	"net/http"
	"sync"

	"golang.org/x/mod/sumdb/note"

	"mirnode/translog"
)

// forever writes the piece until nobody reads any more.
func forever(w http.ResponseWriter, r *http.Request, piece []byte) {
	for r.Context().Err() == nil {
		if _, err := w.Write(piece); err != nil {
			return
		}
	}
}

// bomb is 16 MiB of nothing, compressed once.
var bomb = sync.OnceValue(func() []byte { return gzipped(16 << 20) })

// gzipped compresses so many zero bytes.
func gzipped(n int64) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.CopyN(z, zeros{}, n)
	_ = z.Close()
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// verifier checks the peer's own heads.
func (h *hostile) verifier() note.Verifier {
	h.w.t.Helper()
	v, err := translog.NewVerifier(h.origin.String(), h.key.Public().(ed25519.PublicKey))
	h.w.must(err)
	return v
}
