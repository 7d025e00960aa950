package assertions

import (
	"context"
	"encoding/hex"
	"strconv"

	"mirnode/internal/strictjson"
	"mirnode/store"
	"mirnode/translog"
)

// LookupLink is the public link to what is asserted of an artifact.
func (s *Service) LookupLink(artifact [32]byte) string {
	return s.lookupURL + "/assertions?hash=" + hex.EncodeToString(artifact[:])
}

// AppendWritten appends the answer to a write: the assertion as it stands, the receipt of what was written, where that stands in the log, and the link to share.
func (s *Service) AppendWritten(ctx context.Context, dst []byte, w *Written) ([]byte, error) {
	b, err := s.appendOne(ctx, append(dst, `{"assertion":`...), &w.State)
	if err != nil {
		return dst, err
	}
	if w.Duplicate {
		b = append(b, `,"duplicate":true`...)
	}
	if w.Receipt != nil {
		origin, err := translog.NoteOrigin(w.Receipt.Checkpoint)
		if err != nil {
			return dst, err
		}
		b = strictjson.AppendString(append(b, `,"origin":`...), origin)
		b = strconv.AppendUint(append(b, `,"index":`...), w.Receipt.Index, 10)
		b = strictjson.AppendString(append(b, `,"receipt":`...), string(w.Receipt.Marshal()))
	}
	if w.Revoked != nil {
		b = strictjson.AppendString(append(b, `,"revocationReceipt":`...), string(w.Revoked.Marshal()))
	}
	b = strictjson.AppendString(append(b, `,"lookup":`...), s.LookupLink(w.State.Artifact))
	return append(b, '}'), nil
}

// appendOne writes one assertion by itself, which names its artifact.
func (s *Service) appendOne(ctx context.Context, b []byte, state *store.AssertionState) ([]byte, error) {
	p := s.openPage()
	defer s.closePage(p)
	p.withArtifact = true
	p.prepare(state.Artifact)
	p.begin(0, maxEntryBytes)
	p.add(state)
	return s.appendPieces(ctx, b, p, p.pieces)
}
