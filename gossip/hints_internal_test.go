package gossip

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mirnode/gossip/planner"
)

func drawHints(t *rapid.T) []planner.Hint {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) (h planner.Hint) {
		copy(h.Origin[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "origin"))
		copy(h.Root[:], rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "root"))
		h.Size = rapid.Uint64().Draw(t, "size")
		return h
	}), 1, maxPacketHints).Draw(t, "hints")
}

func TestHintsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hints := drawHints(t)
		message := marshalHints(hints)
		if len(message) > packetBytes-100 {
			t.Fatalf("%d bytes do not fit a packet", len(message))
		}
		got, err := parseHints(message)
		if err != nil || !slices.Equal(got, hints) {
			t.Fatalf("%v, %v; want %v", got, err, hints)
		}
		if _, err := parseHints(message[:len(message)-1]); err == nil {
			t.Fatal("a message that is cut off was read")
		}
		if _, err := parseHints(append(message, 0)); err == nil {
			t.Fatal("a message with something behind was read")
		}
	})
}

func TestHintsMalformed(t *testing.T) {
	good := marshalHints([]planner.Hint{{Size: 1}})
	for name, message := range map[string][]byte{
		"empty": nil, "short": {1}, "none": {1, 0}, "another version": append([]byte{2}, good[1:]...), "a wrong count": append([]byte{1, 2}, good[2:]...),
		"too many": append([]byte{1, 255}, make([]byte, 255*planner.HintBytes)...),
	} {
		if hints, err := parseHints(message); err == nil {
			t.Errorf("%s: %v", name, hints)
		}
	}
}

func FuzzParseHints(f *testing.F) {
	f.Add(marshalHints([]planner.Hint{{Size: 7}}))
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, message []byte) {
		hints, err := parseHints(message)
		if err == nil && !bytes.Equal(marshalHints(hints), message) {
			t.Errorf("%x has a second spelling", message)
		}
	})
}

// TestIntake: the largest of each teller and origin waits, their number is bounded, and nothing blocks.
func TestIntake(t *testing.T) {
	in := newIntake()
	one := planner.Hint{Origin: planner.OriginID{1}, Size: 5}
	less := one
	less.Size = 3
	in.add("", []planner.Hint{one})
	in.add("", []planner.Hint{less}) // overtaken
	in.add("node2.test", []planner.Hint{one})
	in.add("node2.test", []planner.Hint{less}) // in its name, which proves nothing
	<-in.wake
	hints, _ := in.take()
	if len(hints) != 2 || !slices.Equal(hints[""], []planner.Hint{one}) || !slices.Equal(hints["node2.test"], []planner.Hint{one}) {
		t.Errorf("%+v", hints)
	}
	for i := range 2 * maxWaitingHints {
		in.add("", []planner.Hint{{Origin: planner.OriginID{byte(i), byte(i >> 8), byte(i >> 16)}}})
		in.measured(planner.PeerID(rune(i)), 1)
	}
	hints, times := in.take()
	if len(hints[""]) != maxWaitingHints || len(times) != maxWaitingTimes || in.dropped != maxWaitingHints {
		t.Errorf("%d hints, %d times, %d dropped", len(hints[""]), len(times), in.dropped)
	}
	if hints, _ := in.take(); len(hints) != 0 {
		t.Errorf("taken twice: %v", hints)
	}
}
