package peers_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"mirnode/gossip/peers"
	"mirnode/protocol"
)

// ownLog counts the descriptors that are logged.
type ownLog struct {
	entries []*protocol.Descriptor
	refuse  error
}

func (l *ownLog) append(_ context.Context, d *protocol.Descriptor) error {
	if l.refuse != nil {
		return l.refuse
	}
	l.entries = append(l.entries, d)
	return nil
}

func (w *world) self(t testing.TB, log *ownLog, change func(*peers.SelfOptions)) *peers.Self {
	t.Helper()
	o := peers.SelfOptions{
		Origin: protocol.Origin{Domain: "node1.test", Network: protocol.Development, Epoch: 1}, URL: "https://node1.test",
		Key: w.key("node1.test"), State: w, Append: log.append, Now: w.Now,
	}
	if change != nil {
		change(&o)
	}
	s, err := peers.NewSelf(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ensure(t testing.TB, s *peers.Self) (bool, time.Time) {
	t.Helper()
	changed, next, err := s.Ensure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return changed, next
}

// TestSelf: the own descriptor outlives restarts, is renewed in time and whenever it says something new, and only the latter is logged.
func TestSelf(t *testing.T) {
	w, log := newWorld(), &ownLog{}
	s := w.self(t, log, nil)
	first := s.Descriptor()
	changed, next := ensure(t, s)
	if changed || len(log.entries) != 1 || first.Sequence == 0 || !first.Valid(w.Now()) {
		t.Fatalf("changed %v, %d entries, %+v", changed, len(log.entries), first)
	}
	w.advance(time.Hour)
	s = w.self(t, log, nil)
	if changed, _ := ensure(t, s); changed || s.Descriptor().RecordHash() != first.RecordHash() || len(log.entries) != 1 {
		t.Error("a restart made another descriptor")
	}
	w.advance(next.Sub(w.Now()))
	changed, later := ensure(t, s)
	renewed := s.Descriptor()
	if !changed || renewed.Sequence <= first.Sequence || !renewed.ExpiresAt.After(first.ExpiresAt) || !later.After(next) || len(log.entries) != 1 {
		t.Errorf("renewal: changed %v, %+v, next %v, %d entries", changed, renewed, later, len(log.entries))
	}
	if !next.Before(first.ExpiresAt.Add(-7 * 24 * time.Hour)) {
		t.Errorf("renewed at %v, %v before it ends", next, first.ExpiresAt.Sub(next))
	}

	s = w.self(t, log, func(o *peers.SelfOptions) { o.URL = "https://moved.test:8443" })
	ensure(t, s)
	if moved := s.Descriptor(); moved.Sequence <= renewed.Sequence || moved.URL != "https://moved.test:8443" || len(log.entries) != 2 {
		t.Errorf("moved: %+v, %d entries", moved, len(log.entries))
	}
	w.state = map[string]map[string][]byte{} // a lost disk
	w.advance(time.Second)
	if again := w.self(t, log, nil).Descriptor(); again.Sequence <= renewed.Sequence {
		t.Errorf("after a lost disk the sequence is %d, before it was %d", again.Sequence, renewed.Sequence)
	}
}

// TestSelfLogLater: a log that takes nothing yet gets the descriptor when it does.
func TestSelfLogLater(t *testing.T) {
	w, log := newWorld(), &ownLog{refuse: errors.New("not yet")}
	s := w.self(t, log, nil)
	_, next, err := s.Ensure(t.Context())
	if err == nil || !next.After(w.Now()) || next.Sub(w.Now()) > time.Minute {
		t.Errorf("%v, next %v", err, next)
	}
	log.refuse = nil
	ensure(t, s)
	ensure(t, s)
	if len(log.entries) != 1 {
		t.Errorf("logged %d times", len(log.entries))
	}
}
