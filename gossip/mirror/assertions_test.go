package mirror_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"mirnode/protocol"
)

// story is what an honest home logs of one issuer, a minute apart.
type story struct {
	issuer                    *issuer
	records                   []protocol.Record
	first, last               *protocol.Issuer
	kept, revoked, superseded *protocol.Assertion
	successor                 *protocol.Assertion
	revocation, replaced      *protocol.Revocation
	newest                    *protocol.MetadataEdit
}

// tells makes the story, and has the home log it.
func (n *node) tells() *story {
	home := n
	i := home.issuer("a newspaper")
	s := &story{issuer: i}
	log := func(r protocol.Record) {
		s.records = append(s.records, r)
		home.writesNow(r)
		home.clock.move(time.Minute)
	}
	s.first = i.record()
	log(s.first)
	s.revoked, s.superseded = i.asserts("a photo"), i.asserts("a text")
	log(s.revoked)
	log(s.superseded)
	s.revocation = i.revokes(s.revoked)
	log(s.revocation)
	fresh := i.adds(protocol.ES256)
	log(i.record())
	s.kept = i.assertion(i.payload("a film"), fresh)
	log(s.kept)
	log(i.edits(s.kept, 1, "the first name"))
	s.replaced = i.revocation(&protocol.RevocationPayload{
		Action: protocol.ActionSupersede, AssertionID: s.superseded.ID(), IssuerID: i.id(), Timestamp: home.clock.Now().Format(time.RFC3339Nano),
	}, fresh)
	log(s.replaced)
	p := i.payload("a text")
	p.Supersedes = s.superseded.ID()
	s.successor = i.assertion(p, fresh)
	log(s.successor)
	s.newest = i.edits(s.kept, 2, "the second name")
	log(s.newest)
	i.draft.Keys[0].RevokedAt = home.clock.Now()
	s.last = i.record()
	log(s.last)
	return s
}

// holdsStory fails the test unless the node holds all of it.
func (n *node) holdsStory(home *node, s *story) {
	n.t.Helper()
	n.hasIssuer(s.last)
	n.active(s.kept, s.successor)
	n.revoked(s.revoked, s.revocation)
	n.revoked(s.superseded, s.replaced)
	state, err := n.store.Assertion(n.t.Context(), s.superseded.IDHash())
	if err != nil || state.SupersededBy == nil || *state.SupersededBy != s.successor.IDHash() {
		n.t.Fatalf("what was superseded is so by %v (%v)", state.SupersededBy, err)
	}
	if k, _ := n.knows(s.kept); !strings.Contains(k.metadata, "the second name") || !k.at.Equal(start.Add(5*time.Minute)) || k.places != 1 {
		n.t.Fatalf("%s holds the edited assertion as %+v", n.domain, k)
	}
	head := n.head(home.origin)
	if head.Settled != uint64(len(s.records)) || head.Refused+head.Quarantined+head.Missing != 0 {
		n.t.Fatalf("%s has settled %d of %d: refused %d, in quarantine %d, missing %d", n.domain, head.Settled, len(s.records), head.Refused, head.Quarantined, head.Missing)
	}
	if said := n.book.reported(home.domain); said != nil {
		n.t.Fatalf("an honest home is blamed: %v", said)
	}
}

// TestWhatIssuersSayIsMirrored: in one batch, in batches of any size, and out of another's mirror.
func TestWhatIssuersSayIsMirrored(t *testing.T) {
	w := newWorld(t)
	home := w.node("home.test")
	s := home.tells()
	all := home.made.entries
	for _, size := range []int{1, 2, 3, 5, len(all)} {
		t.Run(fmt.Sprintf("%d at a time", size), func(t *testing.T) {
			replica := w.node(fmt.Sprintf("node%d.test", size))
			for end := size; ; end += size {
				home.made.entries = all[:min(end, len(all))]
				replica.pull(home, home.origin)
				if end >= len(all) {
					break
				}
			}
			replica.holdsStory(home, s)
			second := w.node(fmt.Sprintf("second%d.test", size))
			second.pull(replica, home.origin)
			second.holdsStory(home, s)
		})
	}
}

// TestBodiesMayComeInAnyOrder: whichever body is missing at first, all that depends on it waits for it, and follows at once.
func TestBodiesMayComeInAnyOrder(t *testing.T) {
	w := newWorld(t)
	home := w.node("home.test")
	s := home.tells()
	var odd, even []protocol.Record
	for i, r := range s.records {
		if i%2 == 0 {
			even = append(even, r)
		} else {
			odd = append(odd, r)
		}
	}
	cases := [][]protocol.Record{odd, even, s.records}
	for _, r := range s.records {
		cases = append(cases, []protocol.Record{r})
	}
	for i, late := range cases {
		replica := w.node(fmt.Sprintf("node%d.test", i))
		replica.knowsOnly(home)
		home.withhold(late...)
		replica.pull(home, home.origin)
		if head := replica.head(home.origin); head.Missing != uint64(len(late)) || head.Refused != 0 {
			t.Fatalf("without %d bodies %d are missing, and %d refused", len(late), head.Missing, head.Refused)
		}
		home.withhold()
		w.clock.move(11 * time.Second)
		if _, _, err := replica.mirror.RetryMissing(t.Context()); err != nil {
			t.Fatal(err)
		}
		replica.holdsStory(home, s)
	}
}

// TestWhatWaitsFollowsItsHome: while the home's key is not found everything waits; then it follows, without the wait of each.
func TestWhatWaitsFollowsItsHome(t *testing.T) {
	w := newWorld(t)
	home, replica := w.node("home.test"), w.node("node1.test")
	w.domains.silence("home.test")
	i := home.issuer("a newspaper")
	first := i.record()
	home.writesNow(first)
	replica.pull(home, home.origin)

	w.clock.move(9 * time.Second)
	kept, gone := i.asserts("a photo"), i.asserts("a text")
	revocation := i.revokes(gone)
	home.writesNow(kept, gone, revocation)
	home.writes(entryOf{record: i.edits(kept, 1, "a name"), at: w.clock.Now()})
	replica.pull(home, home.origin)
	if head := replica.head(home.origin); head.Quarantined != 5 {
		t.Fatalf("in quarantine %d, refused %d", head.Quarantined, head.Refused)
	}
	replica.ignores(kept, gone)

	w.domains.publish("home.test", public("home.test"))
	w.clock.move(time.Second) // the issuer's record is due, nothing else is
	if _, _, err := replica.mirror.Retry(t.Context()); err != nil {
		t.Fatal(err)
	}
	replica.hasIssuer(first)
	replica.active(kept)
	replica.revoked(gone, revocation)
	if k, _ := replica.knows(kept); !strings.Contains(k.metadata, "a name") || replica.head(home.origin).Quarantined != 0 {
		t.Fatalf("the edit did not follow: %+v", k)
	}
}

// TestWhatWaitedIsJudgedInTheLogsOrder: of two signatures of one payload the first in the log counts, as with who did not have to wait.
func TestWhatWaitedIsJudgedInTheLogsOrder(t *testing.T) {
	for name, apart := range map[string]time.Duration{"due with their issuer": 0, "due after it": 5 * time.Second} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			home, replica := w.node("home.test"), w.node("node1.test")
			w.domains.silence("home.test")
			i := home.issuer("a newspaper")
			home.writesNow(i.record())
			replica.pull(home, home.origin)
			w.clock.move(apart)
			var first []*protocol.Assertion
			for n := range 10 {
				p := i.payload(fmt.Sprint("photo ", n))
				a := i.assertion(p, &i.keys[1])
				first = append(first, a)
				home.writesNow(a, i.assertion(p, &i.keys[1]))
			}
			replica.pull(home, home.origin)
			if head := replica.head(home.origin); head.Quarantined != 21 {
				t.Fatalf("in quarantine %d", head.Quarantined)
			}
			w.domains.publish("home.test", public("home.test"))
			w.clock.move(10*time.Second - apart)
			if _, _, err := replica.mirror.Retry(t.Context()); err != nil {
				t.Fatal(err)
			}
			replica.active(first...)
			if head := replica.head(home.origin); head.Refused != 10 || head.Quarantined != 0 {
				t.Errorf("refused %d, in quarantine %d", head.Refused, head.Quarantined)
			}
		})
	}
}

// TestAnEditThatCameTooEarlyFollowsItsAssertion: it waited for the home's key first, and then for its assertion.
func TestAnEditThatCameTooEarlyFollowsItsAssertion(t *testing.T) {
	w := newWorld(t)
	home, replica := w.node("home.test"), w.node("node1.test")
	i := home.issuer("a newspaper")
	a := i.asserts("a photo")
	home.writesNow(i.record())
	replica.pull(home, home.origin)
	w.domains.silence("home.test")
	home.writesNow(a, i.edits(a, 1, "a name"))
	home.withhold(a)
	replica.knowsOnly(home)
	replica.pull(home, home.origin)
	w.domains.publish("home.test", public("home.test"))
	for range 8 { // the edit waits for long by now
		w.clock.move(5 * time.Minute)
		if _, _, err := replica.mirror.Retry(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if head := replica.head(home.origin); head.Quarantined != 1 || head.Missing != 1 {
		t.Fatalf("in quarantine %d, missing %d", head.Quarantined, head.Missing)
	}
	home.withhold()
	w.clock.move(time.Second)
	if _, _, err := replica.mirror.RetryMissing(t.Context()); err != nil {
		t.Fatal(err)
	}
	if k, _ := replica.knows(a); !strings.Contains(k.metadata, "a name") {
		t.Fatalf("the edit did not follow: %+v", k)
	}
}

// TestWhatDependsOnTheRefusedIsRefused, also when it waited: nothing stays in quarantine for good.
func TestWhatDependsOnTheRefusedIsRefused(t *testing.T) {
	w := newWorld(t)
	home, replica := w.node("home.test"), w.node("node1.test")
	w.domains.silence("home.test")
	i := home.issuer("a newspaper")
	record := i.record()
	a := i.asserts("a photo")
	forged := strings.Replace(string(record.Raw()), `"name":"a news`, `"name":"a newt`, 1)
	home.writes(entryOf{raw: []byte(forged), kind: protocol.KindIssuer, at: w.clock.Now()})
	home.writesNow(a, i.revokes(a))
	replica.pull(home, home.origin)
	if head := replica.head(home.origin); head.Quarantined != 3 {
		t.Fatalf("in quarantine %d, refused %d", head.Quarantined, head.Refused)
	}
	w.domains.publish("home.test", public("home.test"))
	w.clock.move(10 * time.Second)
	if _, _, err := replica.mirror.Retry(t.Context()); err != nil {
		t.Fatal(err)
	}
	if head := replica.head(home.origin); head.Quarantined != 0 || head.Refused != 3 {
		t.Fatalf("in quarantine %d, refused %d", head.Quarantined, head.Refused)
	}
	if replica.book.reported("home.test") == nil {
		t.Error("nobody is told")
	}
}

// TestOnlyWhatMayComeIsWaitedFor: not what was refused, though other bodies are missing; and not what is in no body, once all are there.
func TestOnlyWhatMayComeIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	home, replica := w.node("home.test"), w.node("node1.test")
	replica.knowsOnly(home)
	i, ghost := home.issuer("a newspaper"), home.issuer("a ghost")
	late, lost, p := i.asserts("a photo"), ghost.asserts("a photo"), i.payload("a film")
	forged, err := protocol.NewAssertion(p.Encode(), i.keys[0].Fingerprint, i.keys[0].sign(t, []byte("another text")), nil)
	if err != nil {
		t.Fatal(err)
	}
	home.writesNow(i.record(), late, lost, forged, i.revokes(forged), ghost.revokes(lost))
	home.withhold(late, lost)
	replica.pull(home, home.origin)
	if head := replica.head(home.origin); head.Missing != 2 || head.Refused != 2 || head.Quarantined != 1 {
		t.Fatalf("missing %d, refused %d, in quarantine %d", head.Missing, head.Refused, head.Quarantined)
	}
	home.withhold()
	w.clock.move(10 * time.Second)
	if _, _, err := replica.mirror.RetryMissing(t.Context()); err != nil {
		t.Fatal(err)
	}
	replica.active(late)
	if head := replica.head(home.origin); head.Missing != 0 || head.Refused != 3 || head.Quarantined != 1 {
		t.Fatalf("missing %d, refused %d, in quarantine %d", head.Missing, head.Refused, head.Quarantined)
	}
	w.clock.move(10 * time.Second)
	replica.retry()
	if head := replica.head(home.origin); head.Refused != 4 || head.Quarantined != 0 {
		t.Fatalf("refused %d, in quarantine %d", head.Refused, head.Quarantined)
	}
}

// TestNoHomeErasesWhatIssuersSaid: that a body was erased is nothing that a home may say of it. Others are asked for it, and later the home again.
func TestNoHomeErasesWhatIssuersSaid(t *testing.T) {
	w := newWorld(t)
	home, replica := w.node("home.test"), w.node("node1.test")
	i := home.issuer("a newspaper")
	a := i.asserts("a photo")
	r := i.revokes(a)
	home.writesNow(i.record(), a, r)
	hash := r.RecordHash()
	home.lies(func(path string, honest []byte) []byte {
		if path != "/records/fetch" {
			return honest
		}
		lines := strings.SplitAfter(string(honest), "\n")
		for n, line := range lines {
			if name := hex.EncodeToString(hash[:]); strings.Contains(line, name) {
				lines[n] = `{"record":"` + name + `","erased":{"reason":"by law","at":"2026-11-22T07:00:00Z"}}` + "\n"
			}
		}
		return []byte(strings.Join(lines, ""))
	})
	replica.pull(home, home.origin)
	replica.active(a)
	home.lies(nil)
	w.clock.move(10 * time.Second)
	replica.retry()
	replica.revoked(a, r)
}

// TestALogThatOnlyCopiesGainsNothing: who copies another home's assertion into its own log, and is read first, adds no place to it, and does not
// keep it away.
func TestALogThatOnlyCopiesGainsNothing(t *testing.T) {
	w := newWorld(t)
	home, replica := w.node("home.test"), w.node("node1.test")
	thief := w.nodeAt(protocol.Origin{Domain: "thief.test", Network: protocol.Development, Epoch: 2}, t.TempDir(), true)
	i := home.issuer("a newspaper")
	record := i.record()
	a := i.asserts("a photo")
	revocation := i.revokes(a)
	thief.writes(entryOf{record: a, at: start.Add(-time.Minute)}, entryOf{record: revocation, at: start.Add(-time.Minute)})
	replica.pull(thief, thief.origin)
	if head := replica.head(thief.origin); head.Quarantined != 2 { // an earlier log of it may have the issuer
		t.Fatalf("in quarantine %d, refused %d", head.Quarantined, head.Refused)
	}
	w.domains.silence("home.test")
	home.writesNow(record, a, revocation)
	replica.pull(home, home.origin)
	replica.ignores(a)
	w.domains.publish("home.test", public("home.test"))
	w.clock.move(10 * time.Second)
	replica.retry()
	replica.revoked(a, revocation)
	if k, _ := replica.knows(a); k.places != 1 || !k.at.Equal(start) || !k.revoked.Equal(start) {
		t.Fatalf("the copy left %+v", k)
	}
	thief.writes(entryOf{record: record, at: w.clock.Now()}, entryOf{record: a, kind: protocol.KindClaim, at: w.clock.Now()})
	replica.pull(thief, thief.origin)
	if k, _ := replica.knows(a); k.places != 1 {
		t.Fatalf("a later copy left %+v", k)
	}
	held, err := replica.store.Record(t.Context(), record.RecordHash())
	if err != nil || len(held.Places) != 1 || held.Places[0].Origin != home.origin.String() {
		t.Fatalf("the issuer's record stands at %+v (%v)", held.Places, err)
	}
}

// TestARestoredHomeLearnsItsIssuersBack from its peers, as it does its claims.
func TestARestoredHomeLearnsItsIssuersBack(t *testing.T) {
	w := newWorld(t)
	two := w.node("node2.test")
	before := w.nodeAt(ownOrigin, t.TempDir(), true)
	s := before.tells()
	before.made = nil
	w.clock.move(-time.Duration(len(s.records)) * time.Minute)
	for _, r := range s.records {
		before.appends(r)
		w.clock.move(time.Minute)
	}
	two.pull(before, ownOrigin)
	two.holdsStory(before, s)
	restored := w.nodeAt(ownOrigin, t.TempDir(), false)
	if err := restored.mirror.Confirm(t.Context(), ownOrigin, false); err != nil {
		t.Fatal(err)
	}
	restored.holdsStory(restored, s)
	if held, err := restored.store.Record(t.Context(), s.kept.RecordHash()); err != nil || !held.Own {
		t.Errorf("what was learnt back is its own: %v (%v)", held.Own, err)
	}
}
