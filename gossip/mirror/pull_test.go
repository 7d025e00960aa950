package mirror_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"mirnode/gossip/mirror"
	"mirnode/gossip/planner"
	"mirnode/protocol"
	"mirnode/translog"
)

// pull pulls the log of origin from a node, and fails the test on an error.
func (n *node) pull(from *node, origin protocol.Origin) planner.PullResult {
	n.t.Helper()
	result, err := n.mirror.Pull(n.t.Context(), from.peer, origin, from.head(origin).Size)
	if err != nil {
		n.t.Fatalf("pulling %s from %s: %v", origin, from.domain, err)
	}
	return result
}

func TestPullBringsAMirrorUp(t *testing.T) {
	w := newWorld(t)
	one, two, three := w.node("node1.test"), w.node("node2.test"), w.node("node3.test")
	list := claims(t, 0, 350)
	one.takes(list[:300]...)

	result := two.pull(one, one.origin)
	if result.Outcome != planner.Pulled || result.Size != 300 || result.Behind {
		t.Fatalf("the pull gave %+v", result)
	}
	two.same(one)
	two.holds(list[:300]...)

	one.takes(list[300:]...)
	two.pull(one, one.origin)
	three.pull(two, one.origin) // out of another's mirror
	three.same(one)
	three.holds(list...)
	record, err := three.store.Claim(t.Context(), list[320].SigHash())
	if err != nil || len(record.Places) != 1 || record.Places[0].Origin != one.origin.String() || record.Places[0].Index != 320 {
		t.Fatalf("claim 320 stands at %+v (%v)", record.Places, err)
	}
	if channels := record.Provenance.Channels; len(channels) != 1 || channels[0] != protocol.DNS {
		t.Fatalf("claim 320 was verified by %v", channels)
	}
	if asked := one.askedRecords() + two.askedRecords(); asked != 700 {
		t.Errorf("%d bodies were asked for, and each of two nodes lacked 350", asked)
	}
	// A mirror's checkpoint bears the word of whoever holds it.
	cosigner, err := translog.NewCosignatureVerifier(two.origin.String(), public("node2.test"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := translog.VerifyCosignature(two.head(one.origin).Checkpoint, signatures(two.head(one.origin).Checkpoint.Note), cosigner); err != nil {
		t.Errorf("the mirror's checkpoint is not cosigned: %v", err)
	}
}

// signatures are a note's signature lines.
func signatures(signed []byte) []byte {
	_, lines, _ := bytes.Cut(signed, []byte("\n\n"))
	return lines
}

func TestPullGoesOnInPieces(t *testing.T) {
	w := newWorld(t)
	one, two := w.node("node1.test"), w.node("node2.test")
	list := claims(t, 0, 300) // more than one answer of entries holds: the first ones are proven under the checkpoint
	one.page = 120
	one.takes(list...)
	result := two.pull(one, one.origin)
	if result.Size != 300 {
		t.Fatalf("the pull gave %+v", result)
	}
	two.same(one)
	two.holds(list...)
	if one.requests("/log/tile/0/001.p/44") == 0 || one.requests("/log/entries") != 3 {
		t.Errorf("%d ranges were read, the first ones without proof", one.requests("/log/entries"))
	}
}

func TestARecordOfTwoLogsIsFetchedOnce(t *testing.T) {
	w := newWorld(t)
	one, two, three := w.node("node1.test"), w.node("node2.test"), w.node("node3.test")
	list := claims(t, 0, 50)
	one.takes(list...)
	two.takes(list...)
	three.pull(one, one.origin)
	three.pull(two, two.origin)
	if asked := two.askedRecords(); asked != 0 {
		t.Errorf("%d bodies were asked for that were held", asked)
	}
	record, err := three.store.Claim(t.Context(), list[7].SigHash())
	if err != nil || len(record.Places) != 2 {
		t.Fatalf("a claim of two logs stands at %+v (%v)", record.Places, err)
	}
}

// lieCase is a way in which a peer that holds an honest mirror lies about it.
type lieCase struct {
	name string
	lie  func(path string, honest []byte) []byte
	want planner.Outcome
}

func lieCases(t *testing.T) []lieCase {
	on := func(suffix string, change func([]byte) []byte) func(string, []byte) []byte {
		return func(path string, honest []byte) []byte {
			if strings.HasSuffix(path, suffix) {
				return change(honest)
			}
			return honest
		}
	}
	forged, err := translog.NewSigner("node1.test/mir-dev", keyOf("somebody else"))
	if err != nil {
		t.Fatal(err)
	}
	fake, err := translog.SignCheckpoint(forged, 30, translog.Hash{1})
	if err != nil {
		t.Fatal(err)
	}
	constant := func(data []byte) func([]byte) []byte { return func([]byte) []byte { return data } }
	replace := func(old, new string) func([]byte) []byte {
		return func(honest []byte) []byte { return bytes.Replace(honest, []byte(old), []byte(new), 1) }
	}
	return []lieCase{
		{"an altered record", on("/records/fetch", replace(`mir.transaction.completed`, `mir.transaction.cancelled`)), planner.Refused},
		{"an altered entry", on("/entries", replace(`"record":"`, `"record":"00`)), planner.Refused},
		{"another record in an entry", on("/entries", swapDigits), planner.Refused},
		{"an entry left out", on("/entries", func(b []byte) []byte { _, rest, _ := bytes.Cut(b, []byte("\n")); return rest }), planner.Refused},
		{"a checkpoint that somebody else signed", on("/checkpoint", constant(fake.Note)), planner.Refused},
		{"a checkpoint that is none", on("/checkpoint", constant([]byte("hello\n"))), planner.Refused},
		{"an endless checkpoint", on("/checkpoint", constant(bytes.Repeat([]byte("x"), 1<<20))), planner.Refused},
		{"endless entries", on("/entries", func(b []byte) []byte { return bytes.Repeat(b, 10_000) }), planner.Refused},
		{"more entries than asked for", on("/entries", func(b []byte) []byte { return append(b, b...) }), planner.Refused},
		{"entries that are none", on("/entries", constant([]byte("{}\n"))), planner.Refused},
		{"times that step back", on("/entries", replace(`"2026-11-22T07:00:00.000Z"`, `"2027-11-22T07:00:00.000Z"`)), planner.Refused},
		{"endless bodies", on("/records/fetch", constant(bytes.Repeat([]byte("x"), 9<<20))), planner.Refused},
		{"bodies that are none", on("/records/fetch", constant([]byte("[]\n"))), planner.Refused},
		{"no bodies", on("/records/fetch", constant(nil)), planner.Refused},
		{"one body at a time", on("/records/fetch", func(b []byte) []byte { line, _, _ := bytes.Cut(b, []byte("\n")); return line }), planner.Refused},
		{"other bodies than asked for", on("/records/fetch", func(b []byte) []byte { _, rest, _ := bytes.Cut(b, []byte("\n")); return rest }), planner.Refused},
	}
}

// swapDigits changes a digit of the first entry's record.
func swapDigits(b []byte) []byte {
	b = bytes.Clone(b)
	at := bytes.Index(b, []byte(`"record":"`)) + len(`"record":"`)
	b[at] ^= 1
	if b[at] > 'f' || b[at] > '9' && b[at] < 'a' {
		b[at] = '0'
	}
	return b
}

func TestALiarIsCaughtAndHonestDataGoesOn(t *testing.T) {
	for _, c := range lieCases(t) {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			one, liar, victim := w.node("node1.test"), w.node("liar.test"), w.node("node2.test")
			list := claims(t, 0, 30)
			one.takes(list...)
			liar.pull(one, one.origin)
			liar.lies(c.lie)
			victim.knowsOnly(liar, one)

			result, err := victim.mirror.Pull(t.Context(), liar.peer, one.origin, 30)
			if result.Outcome != c.want {
				t.Fatalf("pulling from the liar gave %+v (%v), want outcome %v", result, err, c.want)
			}
			var lie *mirror.LieError
			if errors.As(err, &lie) && (lie.Peer != "liar.test" || lie.What == "") {
				t.Errorf("the lie is told as %v", lie)
			}
			if c.want == planner.Refused && lie == nil {
				t.Errorf("the error is no lie: %v", err)
			}
			if said := victim.book.reported("liar.test"); lie != nil && (said == nil || !strings.Contains(said.Error(), lie.What)) {
				t.Errorf("the book was told %v of %v", said, lie)
			}
			if told := victim.mirror.Stats().Lies; lie != nil && told != 1 {
				t.Errorf("one lie was counted %d times", told)
			}
			victim.pull(one, one.origin)
			victim.same(one)
			victim.holds(list...)
		})
	}
}

func TestALieOnTheOnlyWayLeavesTheRestUsable(t *testing.T) {
	w := newWorld(t)
	one, two := w.node("node1.test"), w.node("node2.test")
	list := claims(t, 0, 20)
	one.takes(list...)
	one.lies(func(path string, honest []byte) []byte {
		if path == "/records/fetch" {
			return bytes.Replace(honest, []byte("mir.transaction.completed"), []byte("mir.transaction.cancelled"), 1)
		}
		return honest
	})
	result, err := two.mirror.Pull(t.Context(), one.peer, one.origin, 20)
	if result.Outcome != planner.Refused || result.Size != 20 {
		t.Fatalf("the pull gave %+v, %v", result, err)
	}
	two.lacks(list[0])
	two.holds(list[1:]...)
	if one := two.book.reported("node1.test"); one == nil || !strings.Contains(one.Error(), "lies") {
		t.Errorf("the book was told %v", one)
	}
	one.lies(nil)
	w.clock.move(time.Minute)
	if done, _, err := two.mirror.RetryMissing(t.Context()); err != nil || done != 1 {
		t.Fatalf("the retry resolved %d (%v)", done, err)
	}
	two.holds(list...)
}

func TestAPeerThatDripsIsCutOff(t *testing.T) {
	for _, path := range []string{"/checkpoint", "/entries", "/records/fetch"} {
		t.Run(path[1:], func(t *testing.T) {
			w := newWorld(t)
			one := w.node("node1.test")
			slow := w.node("slow.test")
			two := w.node("node2.test", func(o *mirror.Options) { o.Limits.CallTimeout = 50 * time.Millisecond })
			list := claims(t, 0, 20)
			one.takes(list...)
			slow.pull(one, one.origin)
			slow.stall = path
			two.knowsOnly(slow)
			two.book.earlier = nil
			two.meet(one)
			result, err := two.mirror.Pull(t.Context(), slow.peer, one.origin, 20)
			if path == "/records/fetch" { // another peer gave the bodies
				if result.Size != 20 || result.Outcome != planner.Unreachable {
					t.Fatalf("the pull gave %+v, %v", result, err)
				}
				two.holds(list...)
				return
			}
			if result.Outcome != planner.Unreachable || err == nil {
				t.Fatalf("the pull gave %+v, %v", result, err)
			}
		})
	}
}

func TestAFloodSlowsItsOriginAlone(t *testing.T) {
	w := newWorld(t)
	flood, calm := w.node("flood.test"), w.node("calm.test")
	two := w.node("node2.test", func(o *mirror.Options) { o.Limits.EntriesPerSecond, o.Limits.EntriesPerDay = 10, 100 })
	flood.takes(claims(t, 0, 120)...)
	calm.takes(claims(t, 200, 205)...)

	if result := two.pull(flood, flood.origin); result.Size != 40 {
		t.Fatalf("four seconds' worth are 40 entries: %+v", result)
	}
	result, err := two.mirror.Pull(t.Context(), flood.peer, flood.origin, 120)
	if !errors.Is(err, mirror.ErrBudget) || result.Outcome != planner.Local {
		t.Fatalf("over its budget the flood gave %+v, %v", result, err)
	}
	if said := two.book.heldUp("flood.test"); said == nil {
		t.Error("nobody is told why the mirror does not come up")
	}
	two.pull(calm, calm.origin)
	two.same(calm)
	w.clock.move(2 * time.Second)
	if result := two.pull(flood, flood.origin); result.Size != 60 {
		t.Fatalf("after two seconds: %+v", result)
	}
	w.clock.move(10 * time.Second)
	two.pull(flood, flood.origin)
	w.clock.move(10 * time.Second)
	if result, err := two.mirror.Pull(t.Context(), flood.peer, flood.origin, 120); result.Size != 100 || !errors.Is(err, mirror.ErrBudget) {
		t.Fatalf("over the day's budget: %+v, %v", result, err)
	}
	w.clock.move(24 * time.Hour)
	two.pull(flood, flood.origin)
	two.same(flood)
}

func TestEntriesOfTheFutureWait(t *testing.T) {
	w := newWorld(t)
	one, two := w.node("node1.test"), w.node("node2.test")
	w.clock.move(time.Hour)
	one.takes(claims(t, 0, 3)...)
	w.clock.move(-time.Hour)
	result, err := two.mirror.Pull(t.Context(), one.peer, one.origin, 3)
	if !errors.Is(err, mirror.ErrFuture) || result.Outcome != planner.Local || result.Size != 0 {
		t.Fatalf("entries an hour ahead gave %+v, %v", result, err)
	}
	if said := two.book.heldUp("node1.test"); said == nil {
		t.Error("nobody is told that a clock is wrong")
	}
	w.clock.move(time.Hour)
	two.pull(one, one.origin)
	two.same(one)
	if said := two.book.heldUp("node1.test"); said != nil {
		t.Errorf("clocks agree again, and the operator still reads: %v", said)
	}
	if said := two.book.reported("node1.test"); said != nil {
		t.Errorf("nobody did wrong, and there is a complaint: %v", said)
	}
}

func TestWhatIsNotAdmittedIsNotPulled(t *testing.T) {
	w := newWorld(t)
	one, two, three := w.node("node1.test"), w.node("node2.test"), w.node("node3.test")
	one.takes(claims(t, 0, 3)...)
	two.pull(one, one.origin)
	two.takes(claim(t, 9))
	three.knowsOnly(two)
	result, err := three.mirror.Pull(t.Context(), two.peer, one.origin, 3)
	if !errors.Is(err, mirror.ErrNotAdmitted) || result.Outcome != planner.Local {
		t.Fatalf("an origin that is not admitted gave %+v, %v", result, err)
	}
	if hints, _, err := three.mirror.Heads(t.Context(), two.peer, ""); err != nil || len(hints) != 1 {
		t.Fatalf("of the heads of %s, %v are hints (%v)", two.domain, hints, err)
	}
}

func TestAPeerThatIsBehindSaysSo(t *testing.T) {
	w := newWorld(t)
	one, two, three := w.node("node1.test"), w.node("node2.test"), w.node("node3.test")
	one.takes(claims(t, 0, 3)...)
	result, err := three.mirror.Pull(t.Context(), two.peer, one.origin, 3)
	if err != nil || !result.Behind || result.Outcome != planner.Pulled {
		t.Fatalf("a peer without the mirror gave %+v, %v", result, err)
	}
	two.pull(one, one.origin)
	one.takes(claims(t, 3, 6)...)
	if result := three.pull(two, one.origin); result.Size != 3 {
		t.Fatalf("a shorter mirror gave %+v", result)
	}
	three.pull(one, one.origin)
	result, err = three.mirror.Pull(t.Context(), two.peer, one.origin, 6)
	if err != nil || !result.Behind || result.Size != 6 {
		t.Fatalf("a mirror shorter than ours gave %+v, %v", result, err)
	}
}

func TestABrokenPullGoesOn(t *testing.T) {
	w := newWorld(t)
	one, two := w.node("node1.test"), w.node("node2.test")
	list := claims(t, 0, 1_000)
	one.takes(list...)
	ctx, cancel := context.WithCancel(t.Context())
	one.lies(func(path string, honest []byte) []byte {
		if path == "/records/fetch" && one.requests(path) > 1 {
			cancel()
		}
		return honest
	})
	result, err := two.mirror.Pull(ctx, one.peer, one.origin, 1_000)
	if !errors.Is(err, context.Canceled) || result.Outcome != planner.Local {
		t.Fatalf("the broken pull gave %+v, %v", result, err)
	}
	one.lies(nil)
	two.pull(one, one.origin)
	two.same(one)
	two.holds(list...)
}

func TestHeadsTellWhatIsNew(t *testing.T) {
	w := newWorld(t)
	one, two, three := w.node("node1.test"), w.node("node2.test"), w.node("node3.test")
	one.takes(claims(t, 0, 3)...)
	two.pull(one, one.origin)
	two.takes(claim(t, 9))
	hints, next, err := three.mirror.Heads(t.Context(), two.peer, "")
	if err != nil || len(hints) != 2 {
		t.Fatalf("the heads are %v, %v", hints, err)
	}
	found := false
	for _, h := range hints {
		found = found || h.Origin == planner.OriginID(one.origin.Hash()) && h.Size == 3
	}
	if !found {
		t.Errorf("the mirrored log is not among the heads: %v", hints)
	}
	if hints, again, err := three.mirror.Heads(t.Context(), two.peer, next); err != nil || len(hints) != 0 || again != next {
		t.Errorf("without news the heads are %v, cursor %q (%v)", hints, again, err)
	}
}

func TestHeadsThatLie(t *testing.T) {
	w := newWorld(t)
	one, two := w.node("node1.test"), w.node("node2.test")
	one.takes(claims(t, 0, 3)...)
	cases := map[string]func([]byte) []byte{
		"no JSON":            func([]byte) []byte { return []byte("heads") },
		"a wrong signature":  func(b []byte) []byte { return bytes.Replace(b, []byte(`mir-dev\n3\n`), []byte(`mir-dev\n4\n`), 1) },
		"an endless cursor":  func([]byte) []byte { return fmt.Appendf(nil, `{"heads":[],"next":%q}`, strings.Repeat("x", 1_000)) },
		"too many at a time": func([]byte) []byte { return []byte(`{"heads":[` + strings.Repeat("{},", 256) + `{}],"next":"1"}`) },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			one.lies(func(path string, honest []byte) []byte { return change(honest) })
			_, _, err := two.mirror.Heads(t.Context(), one.peer, "")
			var lie *mirror.LieError
			if !errors.As(err, &lie) {
				t.Errorf("the heads gave %v", err)
			}
		})
	}
	one.lies(func(string, []byte) []byte { // origins of nobody that we know, and of no form that we know
		return []byte(`{"heads":[{"origin":"evil.test/mir-dev","checkpoint":"x"},{"origin":"?"}],"next":"9"}`)
	})
	if hints, next, err := two.mirror.Heads(t.Context(), one.peer, ""); err != nil || len(hints) != 0 || next != "9" {
		t.Errorf("unknown origins gave %v, %q, %v", hints, next, err)
	}
}

// TestALogThatGoesBackIsTold: an origin that shows fewer entries than it signed before is told to the operator, whoever notices; a mirror of it
// that is merely behind is not.
func TestALogThatGoesBackIsTold(t *testing.T) {
	for _, way := range []string{"a pull", "a look at its heads"} {
		t.Run(way, func(t *testing.T) {
			w := newWorld(t)
			one, two := w.node("node1.test"), w.node("node2.test")
			one.takes(claims(t, 0, 3)...)
			old := one.head(one.origin).Checkpoint.Note
			two.pull(one, one.origin)
			one.takes(claims(t, 3, 6)...)
			two.pull(one, one.origin)
			if said := two.book.reported("node1.test"); said != nil {
				t.Fatalf("before it went back: %v", said)
			}
			one.lies(func(path string, honest []byte) []byte {
				switch path {
				case "/log/checkpoint":
					return old
				case "/log/heads":
					return fmt.Appendf(nil, `{"heads":[{"origin":"node1.test/mir-dev","checkpoint":%q}],"next":"1"}`, old)
				}
				return honest
			})
			if way == "a pull" {
				two.pull(one, one.origin)
			} else if _, _, err := two.mirror.Heads(t.Context(), one.peer, ""); err != nil {
				t.Fatal(err)
			}
			if said := two.book.reported("node1.test"); said == nil || !strings.Contains(said.Error(), "from 6 entries to 3") {
				t.Errorf("the book was told %v", said)
			}
		})
	}
}
