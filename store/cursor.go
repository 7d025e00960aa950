package store

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
)

// A cursor is base64url of: version (1 byte), position of the last record told (16), digest of the query (8), and 8 bytes of HMAC-SHA256
// over these under the store's identity. It names a place between records, not a count, so that it stays good while records come and go,
// over restarts and when the index is made anew.
const (
	cursorVersion = 1
	cursorBytes   = 1 + 16 + 8 + cursorMAC
	cursorMAC     = 8
)

func (s *Store) makeCursor(at position, digest [8]byte) string {
	b := make([]byte, 0, cursorBytes)
	b = append(b, cursorVersion)
	b = binary.BigEndian.AppendUint64(b, at.high)
	b = binary.BigEndian.AppendUint64(b, at.low)
	b = append(b, digest[:]...)
	return base64.RawURLEncoding.EncodeToString(append(b, s.cursorSum(b)...))
}

// openCursor reads a cursor that came from outside. Errors wrap ErrCursor.
func (s *Store) openCursor(text string, digest [8]byte) (position, error) {
	if len(text) != base64.RawURLEncoding.EncodedLen(cursorBytes) {
		return position{}, fmt.Errorf("%w: %w", ErrCursor, errNoCursor)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != cursorBytes || b[0] != cursorVersion {
		return position{}, fmt.Errorf("%w: %w", ErrCursor, errNoCursor)
	}
	if signed, sum := b[:cursorBytes-cursorMAC], b[cursorBytes-cursorMAC:]; !hmac.Equal(sum, s.cursorSum(signed)) {
		return position{}, fmt.Errorf("%w: %w", ErrCursor, errNoCursor)
	}
	if [8]byte(b[17:25]) != digest {
		return position{}, fmt.Errorf("%w: %w", ErrCursor, errOtherQuery)
	}
	return position{high: binary.BigEndian.Uint64(b[1:]), low: binary.BigEndian.Uint64(b[9:])}, nil
}

var errNoCursor = errors.New("it was not made by this node, or was changed: start again without one")

func (s *Store) cursorSum(b []byte) []byte {
	mac := hmac.New(sha256.New, append([]byte("mirnode cursor\n"), s.terms.salt[:]...))
	_, _ = mac.Write(b) // never fails
	return mac.Sum(nil)[:cursorMAC]
}
