package mirror_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"mirnode/gossip/mirror"
	"mirnode/protocol"
)

// scene is a home that will lie, with an issuer of its own and one of an honest home's, and a node that mirrors both.
type scene struct {
	t                    *testing.T
	world                *world
	rogue, honest, node  *node
	own, theirs          *issuer // issuers of the two homes
	said, sealed, others *protocol.Assertion
	revocation           *protocol.Revocation // of sealed
	ended                *signingKey          // a key of own that is revoked
}

func newScene(t *testing.T) *scene {
	w := newWorld(t)
	s := &scene{t: t, world: w, rogue: w.node("rogue.test"), honest: w.node("honest.test"), node: w.node("node.test")}
	s.own, s.theirs = s.rogue.issuer("a rogue's"), s.honest.issuer("a newspaper")
	s.ended = s.own.adds(protocol.Ed25519)
	s.rogue.writesNow(s.own.record())
	w.clock.move(time.Minute)
	s.said, s.sealed, s.others = s.own.asserts("a photo"), s.own.asserts("a text"), s.theirs.asserts("a film")
	s.revocation = s.own.revokes(s.sealed)
	s.own.draft.Keys[2].RevokedAt = w.clock.Now()
	s.rogue.writesNow(s.said, s.own.edits(s.said, 2, "the name in force"), s.sealed, s.revocation, s.own.record())
	s.honest.writesNow(s.theirs.record(), s.others)
	w.clock.move(time.Minute)
	s.node.pull(s.rogue, s.rogue.origin)
	s.node.pull(s.honest, s.honest.origin)
	s.node.active(s.said, s.others)
	s.node.revoked(s.sealed, s.revocation)
	return s
}

// now is a record as the rogue logs it at this moment.
func (s *scene) now(r protocol.Record) entryOf { return entryOf{record: r, at: s.world.clock.Now()} }

// bytes are a document as the rogue logs it.
func (s *scene) bytes(kind protocol.Kind, raw string) entryOf {
	return entryOf{raw: []byte(raw), kind: kind, at: s.world.clock.Now()}
}

// draft is the rogue's issuer with changes.
func (s *scene) draft(change func(*protocol.IssuerDraft)) entryOf {
	s.own.draft.Issued = s.world.clock.Now()
	d := s.own.last.Draft()
	d.Sequence++
	d.Issued = s.world.clock.Now()
	change(&d)
	return s.now(s.own.signed(d))
}

// state is all that the node answers about the scene.
func (s *scene) state() string {
	var b strings.Builder
	for _, a := range []*protocol.Assertion{s.said, s.sealed, s.others} {
		k, held := s.node.knows(a)
		state, err := s.node.store.Assertion(s.t.Context(), a.IDHash())
		fmt.Fprintln(&b, k, held, state.SupersededBy, state.MetadataSequence, err)
	}
	for _, i := range []*issuer{s.own, s.theirs} {
		_, record, err := s.node.store.Issuer(s.t.Context(), i.id())
		fmt.Fprintln(&b, string(record.Raw), record.Places, err)
	}
	for _, artifact := range []*protocol.Assertion{s.said, s.sealed, s.others} {
		for _, home := range []string{"rogue.test", "honest.test"} {
			count, err := s.node.store.CountArtifact(s.t.Context(), artifact.Payload.Artifact, home, 10)
			fmt.Fprintln(&b, count, err)
		}
	}
	return b.String()
}

// lies are what a rogue home may log of issuers.
var rogueLies = map[string]func(s *scene) []entryOf{
	"a key that is not listed": func(s *scene) []entryOf {
		stray := newSigningKey(s.t, protocol.Ed25519, start)
		return []entryOf{s.now(s.own.assertion(s.own.payload("a photo"), &stray))}
	},
	"a key that is revoked": func(s *scene) []entryOf {
		a := s.own.assertion(s.own.payload("a photo"), &s.own.keys[2])
		return []entryOf{s.now(a), s.now(s.own.revocation(s.revokes(s.own, s.said), &s.own.keys[2]))}
	},
	"a key before it was there": func(s *scene) []entryOf {
		key := newSigningKey(s.t, protocol.Ed25519, s.world.clock.Now().Add(5*time.Minute+time.Millisecond))
		listed := s.draft(func(d *protocol.IssuerDraft) { d.Keys = append(d.Keys, key.IssuerKey) })
		s.rogue.writes(listed)
		s.node.pull(s.rogue, s.rogue.origin)
		return []entryOf{s.now(s.own.assertion(s.own.payload("a photo"), &key))}
	},
	"another issuer's key": func(s *scene) []entryOf {
		second := s.rogue.issuer("another")
		s.rogue.writesNow(second.record())
		s.node.pull(s.rogue, s.rogue.origin)
		p := s.own.payload("a photo")
		return []entryOf{
			s.now(s.own.assertion(p, &second.keys[0])),
			s.now(second.revocation(s.revokes(s.own, s.said), &second.keys[0])),
			s.now(second.revocation(s.revokes(second, s.said), &second.keys[0])), // of what is not its own
			s.now(second.edits(s.said, 9, "another's name")),
		}
	},
	"a signature over something else": func(s *scene) []entryOf {
		p, other := s.own.payload("a photo"), s.own.payload("a text")
		a, err := protocol.NewAssertion(p.Encode(), s.own.keys[1].Fingerprint, s.own.keys[1].sign(s.t, other.Encode()), nil)
		if err != nil {
			s.t.Fatal(err)
		}
		r := s.revokes(s.own, s.said)
		forged, err := protocol.NewRevocation(r.Encode(), s.own.keys[0].Fingerprint, s.own.keys[0].sign(s.t, p.Encode()))
		if err != nil {
			s.t.Fatal(err)
		}
		return []entryOf{s.now(a), s.now(forged)}
	},
	"timestamps that are off": func(s *scene) []entryOf {
		const most = 5*time.Minute + 30*time.Second
		p := s.own.payload("a photo")
		p.Timestamp = s.world.clock.Now().Add(most + time.Millisecond).Format(time.RFC3339Nano)
		late := s.own.payload("a photo")
		late.Timestamp = s.world.clock.Now().Add(-most - time.Millisecond).Format(time.RFC3339Nano)
		r := s.revokes(s.own, s.said)
		r.Timestamp = p.Timestamp
		return []entryOf{s.now(s.own.assertion(p, &s.own.keys[0])), s.now(s.own.assertion(late, &s.own.keys[0])), s.now(s.own.revocation(r, &s.own.keys[0]))}
	},
	"the same payload under another signature": func(s *scene) []entryOf {
		p := s.own.payload("a sound")
		first, second := s.own.assertion(p, &s.own.keys[1]), s.own.assertion(p, &s.own.keys[1])
		s.rogue.writes(s.now(first))
		s.node.pull(s.rogue, s.rogue.origin)
		third := s.own.assertion(p, &s.own.keys[0])
		return []entryOf{s.now(second), s.now(third)}
	},
	"a second revocation": func(s *scene) []entryOf {
		return []entryOf{s.now(s.own.revokes(s.sealed))}
	},
	"a revocation of nothing": func(s *scene) []entryOf {
		never := s.own.asserts("what was never logged")
		return []entryOf{s.now(s.own.revokes(never)), s.now(s.own.edits(never, 1, "a name"))}
	},
	"an edit in the place of another": func(s *scene) []entryOf {
		return []entryOf{s.now(s.own.edits(s.said, 2, "another name"))}
	},
	"what it is not": func(s *scene) []entryOf {
		return []entryOf{{record: s.said, kind: protocol.KindRevocation, at: s.world.clock.Now()}, {record: s.own.last, kind: protocol.KindAssertion, at: s.world.clock.Now()}}
	},
	"an issuer that was never logged": func(s *scene) []entryOf {
		ghost := s.rogue.issuer("a ghost")
		a := ghost.asserts("a photo")
		return []entryOf{s.now(a), s.now(ghost.revokes(a))}
	},
	"an issuer's record without a key": func(s *scene) []entryOf {
		return []entryOf{s.draft(func(d *protocol.IssuerDraft) { d.Keys = d.Keys[1:] })}
	},
	"an issuer's record with a changed key": func(s *scene) []entryOf {
		s.world.clock.move(10 * time.Minute)
		s.rogue.writesNow(s.own.record())
		s.node.pull(s.rogue, s.rogue.origin)
		return []entryOf{
			s.draft(func(d *protocol.IssuerDraft) { d.Keys[0].Created = d.Keys[0].Created.Add(-time.Hour) }),
			s.draft(func(d *protocol.IssuerDraft) { d.Keys[2].RevokedAt = time.Time{} }),
			s.draft(func(d *protocol.IssuerDraft) { d.Keys[0].RevokedAt = start.Add(time.Minute) }),
			s.draft(func(d *protocol.IssuerDraft) { d.Keys[0], d.Keys[1] = d.Keys[1], d.Keys[0] }),
		}
	},
	"an issuer's record in the place of another": func(s *scene) []entryOf {
		return []entryOf{
			s.draft(func(d *protocol.IssuerDraft) { d.Sequence--; d.Name = "another name" }),
			s.draft(func(d *protocol.IssuerDraft) { d.Sequence -= 2; d.Name = "another name" }),
		}
	},
	"an issuer's record of the future": func(s *scene) []entryOf {
		future := s.draft(func(d *protocol.IssuerDraft) { d.Issued = d.Issued.Add(5*time.Minute + 31*time.Second) })
		s.world.clock.move(6 * time.Minute) // it is no future any more when it is read
		return []entryOf{future}
	},
	"an issuer's record with an ID that is not its own": func(s *scene) []entryOf {
		raw := strings.Replace(string(s.own.last.Raw()), s.own.id(), s.theirs.id(), 1)
		return []entryOf{s.bytes(protocol.KindIssuer, raw)}
	},
	"an issuer's record that was changed after it was signed": func(s *scene) []entryOf {
		raw := strings.Replace(string(s.own.last.Raw()), "a rogue's", "a Rogue's", 1)
		return []entryOf{s.bytes(protocol.KindIssuer, raw)}
	},
	"an issuer of another network": func(s *scene) []entryOf {
		return []entryOf{s.draft(func(d *protocol.IssuerDraft) { d.Network = protocol.Staging })}
	},
	"another home's issuer": func(s *scene) []entryOf {
		s.theirs.draft.Sequence++
		s.theirs.draft.Issued = s.world.clock.Now()
		signed := s.theirs.signed(s.theirs.draft)       // as it may be, but not here
		forged, err := s.theirs.draft.Sign(s.rogue.key) // under the rogue's key, as if it were honest.test's
		if err != nil {
			s.t.Fatal(err)
		}
		return []entryOf{s.now(s.theirs.last), s.now(signed), s.now(forged)}
	},
	"what another home's issuer says": func(s *scene) []entryOf {
		fresh := s.theirs.asserts("a sound")
		e := s.theirs.edit(protocol.MetadataEditDraft{
			Home: "rogue.test", Network: protocol.Development, AssertionID: s.others.ID(), IssuerID: s.theirs.id(), Sequence: 1, Issued: s.world.clock.Now(),
			Metadata: protocol.AssertionMetadata{DisplayName: "the rogue's name"},
		}, s.rogue.key)
		return []entryOf{
			s.now(s.others), s.now(fresh), s.now(s.theirs.revokes(s.others)), s.now(e), s.now(s.theirs.edits(s.others, 1, "its own name")),
			s.now(s.own.revocation(s.revokes(s.own, s.others), &s.own.keys[0])), s.now(s.own.revocation(s.revokes(s.theirs, s.others), &s.own.keys[0])),
		}
	},
}

// revokes is what a revocation of an assertion in an issuer's name says.
func (s *scene) revokes(by *issuer, a *protocol.Assertion) *protocol.RevocationPayload {
	return &protocol.RevocationPayload{
		Action: protocol.ActionRevoke, AssertionID: a.ID(), IssuerID: by.id(), Timestamp: s.world.clock.Now().Format(time.RFC3339Nano),
	}
}

// TestARogueHomeChangesNothing: each lie about issuers is refused in the batch that brings it, is told, and what is honest goes on.
func TestARogueHomeChangesNothing(t *testing.T) {
	for name, lies := range rogueLies {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			list := lies(s)
			before := s.state()
			if said := s.node.book.reported("rogue.test"); said != nil {
				t.Fatalf("before it lied: %v", said)
			}
			s.rogue.writes(list...)
			honest := s.own.asserts("what comes after")
			s.rogue.writesNow(honest)
			s.node.pull(s.rogue, s.rogue.origin)
			if head := s.node.head(s.rogue.origin); head.Refused != uint64(len(list)) || head.Quarantined+head.Missing != 0 {
				t.Errorf("of %d lies %d were refused; in quarantine %d, missing %d", len(list), head.Refused, head.Quarantined, head.Missing)
			}
			if after := s.state(); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
			if said := s.node.book.reported("rogue.test"); said == nil || !strings.Contains(said.Error(), "is refused") {
				t.Errorf("the book was told %v", said)
			}
			s.node.active(honest)
			another := s.world.node("another.test") // who reads it all at once comes to the same
			another.pull(s.rogue, s.rogue.origin)
			another.pull(s.honest, s.honest.origin)
			s.node = another
			if again := s.state(); again != before {
				t.Errorf("read at once:\n%s\nand in two goes:\n%s", again, before)
			}
			another.active(honest)
		})
	}
}

// TestTheFiveMinutesAreThoseOfTheHomesLog, however late a replica reads it, and half a minute more.
func TestTheFiveMinutesAreThoseOfTheHomesLog(t *testing.T) {
	s := newScene(t)
	var list []*protocol.Assertion
	for _, apart := range []time.Duration{5*time.Minute + 30*time.Second, -5*time.Minute - 30*time.Second, 0} {
		p := s.own.payload("a photo")
		p.Timestamp = s.world.clock.Now().Add(apart).Format(time.RFC3339Nano)
		list = append(list, s.own.assertion(p, &s.own.keys[0]))
		s.rogue.writesNow(list[len(list)-1])
	}
	s.world.clock.move(30 * 24 * time.Hour)
	s.node.pull(s.rogue, s.rogue.origin)
	s.node.active(list...)
}

// TestOneHomeDoesNotCrowdAnArtifact: of one home's issuers a thousand assertions about an artifact are kept, and others' are there all the same.
func TestOneHomeDoesNotCrowdAnArtifact(t *testing.T) {
	const most = 1_000
	s := newScene(t)
	var list []*protocol.Assertion
	for i := range most + 20 {
		p := s.own.payload("a crowded photo")
		p.Timestamp = s.world.clock.Now().Add(time.Duration(i) * time.Millisecond).Format(time.RFC3339Nano)
		list = append(list, s.own.assertion(p, &s.own.keys[0]))
		s.rogue.writesNow(list[i])
	}
	s.node.pull(s.rogue, s.rogue.origin)
	if count, err := s.node.store.CountArtifact(t.Context(), list[0].Payload.Artifact, "rogue.test", 2*most); count != most || err != nil {
		t.Errorf("%d are kept (%v)", count, err)
	}
	s.node.active(list[:most]...)
	s.node.ignores(list[most:]...)
	if s.node.book.reported("rogue.test") == nil {
		t.Error("nobody is told")
	}
	other := s.theirs.asserts("a crowded photo")
	s.honest.writesNow(other)
	s.node.pull(s.honest, s.honest.origin)
	s.node.active(other)
}

// TestAFloodOfIssuersUsesUpItsOwnBudget, as one of claims does, and what is refused the faster.
func TestAFloodOfIssuersUsesUpItsOwnBudget(t *testing.T) {
	w := newWorld(t)
	flood, calm := w.node("flood.test"), w.node("calm.test")
	two := w.node("node2.test", func(o *mirror.Options) { o.Limits.EntriesPerSecond, o.Limits.EntriesPerDay = 10, 1_000 })
	for range 20 {
		i := flood.issuer("one of many")
		flood.appends(i.record(), i.asserts("a photo"), i.asserts("a text"))
	}
	two.pull(flood, flood.origin)
	if size := two.head(flood.origin).Size; size != 40 {
		t.Errorf("four seconds' worth are 40 entries, and %d were taken", size)
	}
	if _, err := two.mirror.Pull(t.Context(), flood.peer, flood.origin, 60); !errors.Is(err, mirror.ErrBudget) {
		t.Errorf("over its budget the flood gave %v", err)
	}
	ghost := flood.issuer("a ghost")
	for i := range 10 {
		flood.appends(ghost.asserts(fmt.Sprint("a photo ", i)))
	}
	w.clock.move(4 * time.Second)
	two.pull(flood, flood.origin)
	if head := two.head(flood.origin); head.Refused != 10 || head.Size != 70 {
		t.Fatalf("refused %d of %d", head.Refused, head.Size)
	}
	flood.appends(ghost.asserts("one more"))
	w.clock.move(4 * time.Second) // what was refused cost seventy entries more, and so many seconds' worth there are not yet
	if _, err := two.mirror.Pull(t.Context(), flood.peer, flood.origin, 71); !errors.Is(err, mirror.ErrBudget) {
		t.Errorf("after a flood of nonsense: %v", err)
	}
	i := calm.issuer("a calm one")
	a := i.asserts("a photo")
	calm.appends(i.record(), a)
	two.pull(calm, calm.origin)
	two.active(a)
}
