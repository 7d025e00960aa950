package gossip

import (
	"encoding/binary"
	"errors"

	"mirnode/gossip/planner"
)

// Hints in memberlist's messages:
//
//	byte 0      hintVersion
//	byte 1      n, from 1 to maxPacketHints
//	n × 44      SHA-256 of the origin's name, size (big endian), first 4 bytes of the root
//
// and nothing behind. A later version has another first byte, and is passed over by older nodes.
const (
	hintVersion = 1
	// maxPacketHints is the most that fits a UDP packet of packetBytes with memberlist's own overhead.
	maxPacketHints = 28
	hintHeader     = 2
	maxHintMessage = hintHeader + maxPacketHints*planner.HintBytes
)

var errHintMessage = errors.New("not a message of hints")

// marshalHints writes at most maxPacketHints hints.
func marshalHints(hints []planner.Hint) []byte {
	hints = hints[:min(len(hints), maxPacketHints)]
	b := append(make([]byte, 0, hintHeader+len(hints)*planner.HintBytes), hintVersion, byte(len(hints)))
	for _, h := range hints {
		b = append(b, h.Origin[:]...)
		b = binary.BigEndian.AppendUint64(b, h.Size)
		b = append(b, h.Root[:]...)
	}
	return b
}

// parseHints reads a message. What it returns does not alias it.
func parseHints(b []byte) ([]planner.Hint, error) {
	if len(b) < hintHeader || len(b) > maxHintMessage || b[0] != hintVersion {
		return nil, errHintMessage
	}
	n := int(b[1])
	if b = b[hintHeader:]; n == 0 || len(b) != n*planner.HintBytes {
		return nil, errHintMessage
	}
	hints := make([]planner.Hint, n)
	for i := range hints {
		h := b[i*planner.HintBytes:]
		hints[i] = planner.Hint{
			Origin: planner.OriginID(h[:32]), Size: binary.BigEndian.Uint64(h[32:40]), Root: [4]byte(h[40:44]),
		}
	}
	return hints, nil
}
