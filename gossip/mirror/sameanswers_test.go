package mirror_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mirnode/protocol"
	"mirnode/store"
)

// hostileLog is what a hostile home logs, and what of it comes late.
type hostileLog struct {
	entries  []entryOf
	late     protocol.Record
	issuer   *issuer
	about    []*protocol.Assertion
	inEffect string // part of what every node must answer; "": nothing in particular
}

// logs of which nodes that got one body late once made something else.
var hostileLogs = map[string]func(h *node) hostileLog{
	"a key is revoked from a time before what it signed": func(h *node) hostileLog {
		i := h.issuer("one")
		first := i.record()
		a := i.asserts("a photo")
		i.draft.Keys[0].RevokedAt = i.home.clock.Now()
		return hostileLog{issuer: i, late: a, about: []*protocol.Assertion{a}, inEffect: a.ID() + " is held: true",
			entries: []entryOf{h.in(0, first), h.in(1, a), h.in(2, i.record())}}
	},
	"the record that revokes the key is late": func(h *node) hostileLog {
		i := h.issuer("two")
		first := i.record()
		i.draft.Keys[0].RevokedAt = i.home.clock.Now()
		second, a := i.record(), i.asserts("a photo")
		return hostileLog{issuer: i, late: second, about: []*protocol.Assertion{a}, inEffect: a.ID() + " is held: false",
			entries: []entryOf{h.in(0, first), h.in(2, second), h.in(3, a)}}
	},
	"one payload under two keys": func(h *node) hostileLog {
		i := h.issuer("three")
		p := i.payload("a photo")
		one, two := i.assertion(p, &i.keys[0]), i.assertion(p, &i.keys[1])
		return hostileLog{issuer: i, late: one, about: []*protocol.Assertion{one}, inEffect: one.KeyFingerprint,
			entries: []entryOf{h.in(0, i.record()), h.in(1, one), h.in(2, two)}}
	},
	"two edits of one sequence": func(h *node) hostileLog {
		i := h.issuer("four")
		a := i.asserts("a photo")
		one, two := i.edits(a, 1<<53-1, "genuine"), i.edits(a, 1<<53-1, "satire")
		return hostileLog{issuer: i, late: one, about: []*protocol.Assertion{a}, inEffect: "genuine",
			entries: []entryOf{h.in(0, i.record()), h.in(0, a), h.in(0, one), h.in(0, two)}}
	},
	"two records of an issuer of one sequence": func(h *node) hostileLog {
		i := h.issuer("five")
		first, a := i.record(), i.asserts("a photo")
		i.draft.Name = "five, genuine"
		one := i.record()
		i.draft.Sequence--
		i.draft.Name = "five, satire"
		two := i.record()
		return hostileLog{issuer: i, late: one, about: []*protocol.Assertion{a}, inEffect: "five, genuine",
			entries: []entryOf{h.in(0, first), h.in(0, a), h.in(0, one), h.in(0, two)}}
	},
	"two revocations in one millisecond": func(h *node) hostileLog {
		i := h.issuer("six")
		a := i.asserts("a photo")
		one, two := i.revokes(a), i.revokesWith(a, &i.keys[1], "another reason")
		return hostileLog{issuer: i, late: one, about: []*protocol.Assertion{a}, inEffect: string(one.Raw()),
			entries: []entryOf{h.in(0, i.record()), h.in(0, a), h.in(0, one), h.in(0, two)}}
	},
	"one revocation under two keys": func(h *node) hostileLog {
		i := h.issuer("seven")
		a := i.asserts("a photo")
		one, two := i.revokes(a), i.revokesWith(a, &i.keys[1], "")
		return hostileLog{issuer: i, late: one, about: []*protocol.Assertion{a}, inEffect: string(one.Raw()),
			entries: []entryOf{h.in(0, i.record()), h.in(0, a), h.in(1, one), h.in(2, two)}}
	},
	"what amends it stands before the assertion": func(h *node) hostileLog {
		i := h.issuer("eight")
		a := i.asserts("a photo")
		r, e := i.revokes(a), i.edits(a, 1, "too early")
		return hostileLog{issuer: i, late: r, about: []*protocol.Assertion{a}, inEffect: "revoked: false",
			entries: []entryOf{h.in(0, i.record()), h.in(0, r), h.in(0, e), h.in(1, a)}}
	},
	"the log names one assertion twice": func(h *node) hostileLog {
		i := h.issuer("nine")
		a := i.asserts("a photo")
		return hostileLog{issuer: i, late: a, about: []*protocol.Assertion{a}, inEffect: start.Add(time.Second).Format(time.RFC3339Nano),
			entries: []entryOf{h.in(0, i.record()), h.in(1, a), h.in(1, i.asserts("a film")), h.in(2, a)}}
	},
}

// in is a record that is logged so many seconds after the start.
func (n *node) in(seconds int, r protocol.Record) entryOf {
	return entryOf{record: r, at: start.Add(time.Duration(seconds) * time.Second)}
}

// revokesWith makes a revocation with a reason under a key.
func (i *issuer) revokesWith(a *protocol.Assertion, key *signingKey, reason string) *protocol.Revocation {
	i.t.Helper()
	return i.revocation(&protocol.RevocationPayload{
		Action: protocol.ActionRevoke, AssertionID: a.ID(), IssuerID: i.id(), Timestamp: i.home.clock.Now().Format(time.RFC3339Nano), Reason: reason,
	}, key)
}

// answers is all that a node makes of a hostile log, but for what only its operator sees.
func (n *node) answers(l *hostileLog) string {
	n.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", n.knowsIssuer(l.issuer.id()))
	for _, a := range l.about {
		k, held := n.knows(a)
		fmt.Fprintf(&b, "%s is held: %v, at %s, revoked: %v, %+v\n", a.ID(), held, k.at.Format(time.RFC3339Nano), k.revocation != "", k)
		count, err := n.store.CountArtifact(n.t.Context(), a.Payload.Artifact, l.issuer.home.domain, 2_000)
		fmt.Fprintln(&b, count, err)
		_, err = n.store.VisitArtifact(n.t.Context(), a.Payload.Artifact, store.ArtifactQuery{}, func(s *store.AssertionState) {
			fmt.Fprintf(&b, "%s %x %s\n", s.Raw, s.SupersededBy, s.Metadata)
		})
		fmt.Fprintln(&b, err)
	}
	_, err := n.store.VisitIssuer(n.t.Context(), l.issuer.id(), 0, "", func(s *store.AssertionState) { fmt.Fprintf(&b, "%s %s\n", s.Raw, s.HomeIngestedAt) })
	fmt.Fprintln(&b, err)
	return b.String()
}

// settles has what is missing and what waits looked at until nothing does.
func (n *node) settles(home *node) {
	n.t.Helper()
	for range 40 {
		n.clock.move(7 * time.Hour)
		n.retry()
		if head := n.head(home.origin); head.Missing+head.Quarantined == 0 {
			return
		}
	}
	n.t.Fatalf("%s has %+v for good", n.domain, n.head(home.origin))
}

// TestNodesAnswerTheSame: whichever body comes late, and whichever does not come at first, a node makes of a log what all others make of it.
func TestNodesAnswerTheSame(t *testing.T) {
	for name, scene := range hostileLogs {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			home, prompt := w.node("home.test"), w.node("prompt.test")
			l := scene(home)
			home.writes(l.entries...)
			w.clock.move(time.Minute)
			prompt.pull(home, home.origin)
			want := prompt.answers(&l)
			if !strings.Contains(want, l.inEffect) {
				t.Fatalf("in the log's order a node answers without %q:\n%s", l.inEffect, want)
			}
			var cases [][]protocol.Record
			for _, e := range l.entries {
				cases = append(cases, []protocol.Record{e.record})
			}
			all := make([]protocol.Record, len(l.entries))
			for i, e := range l.entries {
				all[i] = e.record
			}
			cases = append(cases, all, []protocol.Record{l.late, all[0]}, all[1:])
			for i, late := range cases {
				tardy := w.node(fmt.Sprintf("tardy%d.test", i))
				tardy.knowsOnly(home)
				home.withhold(late...)
				tardy.pull(home, home.origin)
				// One after the other, the last first.
				for n := len(late); n > 0; n-- {
					home.withhold(late[:n-1]...)
					w.clock.move(time.Hour)
					tardy.retry()
				}
				tardy.settles(home)
				if got := tardy.answers(&l); got != want {
					t.Errorf("with %d bodies late a node answers\n%s\nand with none\n%s", len(late), got, want)
				}
				if head := tardy.head(home.origin); head.GivenUp > 0 || head.Refused != prompt.head(home.origin).Refused {
					t.Errorf("with %d bodies late it has %+v", len(late), head)
				}
			}
		})
	}
}

// TestNodesAnswerTheSameOfAnything that a home may log of an issuer: names, keys that come and go, assertions, revocations and edits, in any order, with bodies that
// come in any other.
func TestNodesAnswerTheSameOfAnything(t *testing.T) {
	w := newWorld(t)
	prompt, tardy := w.node("prompt.test"), w.node("tardy.test")
	homes := 0
	rapid.Check(t, func(r *rapid.T) {
		homes++
		home := w.node(fmt.Sprintf("home%d.test", homes))
		defer home.store.Close()
		defer home.server.Close()
		l := randomLog(r, home)
		home.writes(l.entries...)
		w.clock.move(time.Minute)
		prompt.pull(home, home.origin)
		prompt.settles(home) // what the log names twice
		tardy.knowsOnly(home)
		var late []protocol.Record
		for _, e := range l.entries {
			if rapid.Bool().Draw(r, "late") {
				late = append(late, e.record)
			}
		}
		late = rapid.Permutation(late).Draw(r, "order")
		home.withhold(late...)
		tardy.pull(home, home.origin)
		for len(late) > 0 {
			n := rapid.IntRange(1, len(late)).Draw(r, "coming")
			late = late[n:]
			home.withhold(late...)
			w.clock.move(time.Hour)
			tardy.retry()
		}
		tardy.settles(home)
		if got, want := tardy.answers(&l), prompt.answers(&l); got != want {
			r.Errorf("of the log\n%sa node answers\n%s\nand another\n%s", l.String(), got, want)
		}
	})
}

func short(r protocol.Record) []byte {
	hash := r.RecordHash()
	return hash[:4]
}

// String is the log, a line for each entry.
func (l *hostileLog) String() string {
	var b strings.Builder
	for n, e := range l.entries {
		fmt.Fprintf(&b, "%d %x ", n, short(e.record))
		switch r := e.record.(type) {
		case *protocol.Issuer:
			fmt.Fprintf(&b, "issuer %d, keys revoked: %v, %v", r.Sequence, !r.Keys[0].RevokedAt.IsZero(), !r.Keys[1].RevokedAt.IsZero())
		case *protocol.Assertion:
			fmt.Fprint(&b, "assertion ", r.ID()[10:18], " by ", r.KeyFingerprint[:4])
		case *protocol.Revocation:
			fmt.Fprint(&b, "revocation of ", r.AssertionID[10:18], " by ", r.KeyFingerprint[:4], " ", r.Reason)
		case *protocol.MetadataEdit:
			fmt.Fprint(&b, "edit ", r.Sequence, " of ", r.AssertionID[10:18], " ", r.Metadata.DisplayName)
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}

// randomLog makes a log of up to 14 entries about a few assertions of one issuer.
func randomLog(r *rapid.T, home *node) hostileLog {
	i := home.issuer("anybody")
	l, began := hostileLog{issuer: i}, home.clock.Now()
	for _, artifact := range []string{"a photo", "a film"} {
		l.about = append(l.about, i.asserts(artifact))
	}
	var all []protocol.Record
	entries := rapid.SliceOfN(rapid.IntRange(0, 7), 2, 14).Draw(r, "entries")
	all = append(all, i.record())
	for n, what := range entries {
		a := l.about[n%2]
		key := &i.keys[rapid.IntRange(0, 1).Draw(r, "key")]
		switch what {
		case 0:
			i.draft.Name = fmt.Sprint("name ", n)
			all = append(all, i.record())
		case 1:
			i.draft.Sequence--
			i.draft.Name = fmt.Sprint("other name ", n)
			all = append(all, i.record())
		case 2:
			if at := slices.IndexFunc(i.draft.Keys, func(k protocol.IssuerKey) bool { return k.Fingerprint == key.Fingerprint }); i.draft.Keys[at].RevokedAt.IsZero() {
				i.draft.Keys[at].RevokedAt = home.clock.Now()
			}
			all = append(all, i.record())
		case 3, 4:
			all = append(all, i.assertion(&a.Payload, key))
		case 5:
			all = append(all, i.revokesWith(a, key, rapid.SampledFrom([]string{"", "another"}).Draw(r, "reason")))
		case 6:
			all = append(all, i.edits(a, uint64(1+rapid.IntRange(0, 1).Draw(r, "sequence")), fmt.Sprint("edit ", n)))
		case 7:
			all = append(all, all[rapid.IntRange(0, len(all)-1).Draw(r, "again")])
		}
	}
	for n, record := range all {
		l.entries = append(l.entries, entryOf{record: record, at: began.Add(time.Duration(n/3) * time.Second)})
	}
	return l
}
