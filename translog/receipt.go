package translog

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"

	"mirnode/protocol"
)

// MaxReceiptBytes bounds a receipt: a checkpoint, MaxProofHashes hashes, an entry.
const MaxReceiptBytes = 32 << 10

// Receipt says that an entry stands in a log, in the form of c2sp.org/tlog-proof: anybody who has the log's public key can check it, offline
// and for ever. The entry itself stands in the proof's extra line, and the record's hash in the entry.
type Receipt struct {
	Index      uint64 // of the entry, from 0
	Entry      []byte // the exact leaf data: the canonical entry
	Proof      []Hash // inclusion proof in the checkpoint's tree
	Checkpoint []byte // the signed note
}

// receiptHeader is the first line of a proof (c2sp.org/tlog-proof).
const receiptHeader = "c2sp.org/tlog-proof@v1\n"

// Marshal gives the receipt's text. It is made for each answer to a submission, so it allocates once.
func (r Receipt) Marshal() []byte {
	const words = len(receiptHeader) + len("extra \nindex 18446744073709551615\n\n")
	line := base64.StdEncoding.EncodedLen(HashSize) + 1
	b := make([]byte, 0, words+base64.StdEncoding.EncodedLen(len(r.Entry))+len(r.Proof)*line+len(r.Checkpoint))
	b = append(append(b, receiptHeader...), "extra "...)
	b = base64.StdEncoding.AppendEncode(b, r.Entry)
	b = append(strconv.AppendUint(append(b, "\nindex "...), r.Index, 10), '\n')
	for i := range r.Proof {
		b = append(base64.StdEncoding.AppendEncode(b, r.Proof[i][:]), '\n')
	}
	return append(append(b, '\n'), r.Checkpoint...)
}

// ParseReceipt reads a receipt in its one spelling, at most MaxReceiptBytes. It checks the form alone: see [Receipt.Verify]. The error is of
// kind ErrMalformed.
func ParseReceipt(data []byte) (Receipt, error) {
	if len(data) > MaxReceiptBytes {
		return Receipt{}, fmt.Errorf("%w receipt: more than %d bytes", ErrMalformed, MaxReceiptBytes)
	}
	var p proof.TLogProof
	if err := p.Unmarshal(data); err != nil {
		return Receipt{}, fmt.Errorf("%w receipt: %w", ErrMalformed, err)
	}
	r := Receipt{Index: p.Index, Entry: p.ExtraData, Proof: p.Hashes, Checkpoint: p.Checkpoint}
	switch {
	case len(r.Entry) == 0 || len(r.Entry) > protocol.MaxEntryBytes:
		return Receipt{}, fmt.Errorf("%w receipt: no entry in its extra line, or too large a one", ErrMalformed)
	case len(r.Proof) > MaxProofHashes:
		return Receipt{}, fmt.Errorf("%w receipt: %d hashes are more than %d", ErrMalformed, len(r.Proof), MaxProofHashes)
	case r.Index >= MaxSize:
		return Receipt{}, fmt.Errorf("%w receipt: index %d", ErrMalformed, r.Index)
	case len(r.Checkpoint) == 0 || len(r.Checkpoint) > MaxCheckpointBytes:
		return Receipt{}, fmt.Errorf("%w receipt: no checkpoint, or too large a one", ErrMalformed)
	case !bytes.Equal(r.Marshal(), data):
		return Receipt{}, fmt.Errorf("%w receipt: not in its exact spelling", ErrMalformed)
	}
	return r, nil
}

// Verify checks the receipt against the log's key and nothing else: that the log signed the checkpoint, that the entry stands at Index of its
// tree, and that the entry is a canonical one. It returns what the receipt proves. Errors are of the kinds ErrMalformed, ErrSignature and
// ErrProof.
func (r Receipt) Verify(v note.Verifier) (protocol.Entry, Checkpoint, error) {
	c, err := ParseCheckpoint(r.Checkpoint, v)
	if err != nil {
		return protocol.Entry{}, Checkpoint{}, err
	}
	if err := CheckInclusion(LeafHash(r.Entry), r.Index, c.Size, c.Root, r.Proof); err != nil {
		return protocol.Entry{}, Checkpoint{}, err
	}
	entry, err := protocol.ParseEntry(r.Entry)
	if err != nil {
		return protocol.Entry{}, Checkpoint{}, fmt.Errorf("%w entry: %w", ErrMalformed, err)
	}
	return entry, c, nil
}
