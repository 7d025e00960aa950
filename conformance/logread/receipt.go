package logread

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// receiptHeader is the first line of a proof (C2SP tlog-proof).
const receiptHeader = "c2sp.org/tlog-proof@v1"

// Receipt says that an entry stands in a log (docs/receipts.md).
type Receipt struct {
	Index int64
	Line  []byte // the entry, exactly
	Proof []Hash // inclusion proof
	Note  []byte // the checkpoint
}

// ParseReceipt reads a receipt's text. It checks the form alone: see Verify.
func ParseReceipt(text []byte) (Receipt, error) {
	if len(text) > maxReceiptBytes {
		return Receipt{}, fmt.Errorf("%w receipt: more than %d bytes", ErrMalformed, maxReceiptBytes)
	}
	head, checkpoint, ok := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) < 3 || lines[0] != receiptHeader || len(lines)-3 > maxProofHashes {
		return Receipt{}, fmt.Errorf("%w receipt: it does not have the lines of %s", ErrMalformed, receiptHeader)
	}
	extra, isExtra := strings.CutPrefix(lines[1], "extra ")
	number, isIndex := strings.CutPrefix(lines[2], "index ")
	line, err := base64.StdEncoding.Strict().DecodeString(extra)
	if !isExtra || !isIndex || err != nil {
		return Receipt{}, fmt.Errorf("%w receipt: no entry or no index in it", ErrMalformed)
	}
	r := Receipt{Line: line, Note: checkpoint}
	r.Index, err = strconv.ParseInt(number, 10, 64)
	if err != nil || r.Index < 0 || strconv.FormatInt(r.Index, 10) != number {
		return Receipt{}, fmt.Errorf("%w receipt: its index %.40q is none", ErrMalformed, number)
	}
	for _, text := range lines[3:] {
		hash, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(hash) != len(Hash{}) {
			return Receipt{}, fmt.Errorf("%w receipt: %.80q is no hash", ErrMalformed, text)
		}
		r.Proof = append(r.Proof, Hash(hash))
	}
	return r, nil
}

// Verify checks offline, by the log's key alone, that the log committed to the entry, and returns what the receipt proves.
func (r Receipt) Verify(k Key) (Entry, Checkpoint, error) {
	c, err := k.ParseCheckpoint(r.Note)
	if err != nil {
		return Entry{}, Checkpoint{}, err
	}
	if err := CheckInclusion(c, r.Index, r.Line, r.Proof); err != nil {
		return Entry{}, Checkpoint{}, err
	}
	e, err := ParseEntry(r.Line)
	return e, c, err
}

// isOurs reports whether an error has a kind already, or says that the log was not reached.
func isOurs(err error) bool {
	for _, kind := range []error{ErrMalformed, ErrSignature, ErrProof, ErrStatus, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, kind) {
			return true
		}
	}
	var network net.Error
	var request *url.Error
	return errors.As(err, &network) || errors.As(err, &request)
}
