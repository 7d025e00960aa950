package peers_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mirnode/gossip/peers"
	"mirnode/protocol"
)

const nodePath = "/.well-known/mir-node.json"

// TestRefresh: seeds are found by domain, by SRV and by address, and read again when their time has come.
func TestRefresh(t *testing.T) {
	w := newWorld()
	w.publish("node2.test", "node3.test", "node4.test", "node5.test")
	w.serve("node2.test", w.descriptor(t, "node2.test", 1))
	w.srv["node3.test"] = []string{"https://dead.example" + nodePath, "https://host.example:9" + nodePath}
	w.documents["https://host.example:9"+nodePath] = w.descriptor(t, "node3.test", 1)
	w.documents["https://other.example:7"+nodePath] = w.descriptor(t, "node4.test", 1)
	b := w.book(t, func(o *peers.Options) {
		o.Domains, o.Addresses = []string{"node2.test", "node3.test", "node5.test"}, []string{"https://other.example:7"}
	})
	next := b.Refresh(t.Context())
	if got := admitted(b); !slices.Equal(got, []string{"node2.test", "node3.test", "node4.test"}) {
		t.Fatalf("admitted: %v", got)
	}
	if wait := next.Sub(w.Now()); wait <= 0 || wait > time.Second {
		t.Errorf("the seed that was not found is looked for after %v", wait)
	}
	if s := status(t, b, "node5.test"); s.Admitted || s.State != "not found yet" || !strings.Contains(s.LastError, "404") || s.NextTry.IsZero() {
		t.Errorf("status %+v", s)
	}

	// The one that was not found comes up; the others have news, or are asked at their place.
	w.serve("node5.test", w.descriptor(t, "node5.test", 1))
	w.documents["https://node2.test:8443"+nodePath] = w.descriptor(t, "node2.test", 2)
	for range 60 {
		w.advance(30 * time.Second)
		b.Refresh(t.Context())
	}
	if p, ok := b.Peer("node5.test"); !ok || p.Descriptor.Sequence != 1 {
		t.Error("a seed that came up later was not found")
	}
	if p, _ := b.Peer("node2.test"); p.Descriptor.Sequence != 2 {
		t.Error("news were not read")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := w.reads["https://node2.test:8443"+nodePath]; n < 2 || n > 3 {
		t.Errorf("read %d times in 30 minutes, want every 10 or so", n)
	}
}

// hanging never answers for one place.
type hanging struct {
	*world
	place string
}

func (h hanging) Document(ctx context.Context, url string) ([]byte, int, error) {
	if url == h.place {
		<-ctx.Done()
		return nil, 0, ctx.Err()
	}
	return h.world.Document(ctx, url)
}

// TestRefreshHangs: a seed that hangs holds up no other, and is not asked twice at once.
func TestRefreshHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.publish("node2.test", "node3.test")
		place := "https://node3.test" + nodePath
		w.serve("node3.test", w.descriptor(t, "node3.test", 1))
		b := w.book(t, func(o *peers.Options) {
			o.Domains, o.Finder = []string{"node2.test", "node3.test"}, hanging{w, "https://node2.test" + nodePath}
		})
		began := time.Now()
		b.Refresh(t.Context())
		if took := time.Since(began); took > 10*time.Second || !slices.Equal(admitted(b), []string{"node3.test"}) {
			t.Errorf("after %v admitted: %v", took, admitted(b))
		}
		w.advance(time.Hour)
		b.Refresh(t.Context())
		w.mu.Lock()
		again := w.reads[place]
		w.mu.Unlock()
		if again != 2 {
			t.Errorf("the other seed was read %d times, want 2", again)
		}
		<-b.Woken() // the one that hung was given up
		b.Wait()
		if s := status(t, b, "node2.test"); s.Failures != 1 || !strings.Contains(s.LastError, "in time") {
			t.Errorf("status %+v", s)
		}
	})
}

// TestRefreshRefusals: what lies at a seed's place and makes no peer is told in words.
func TestRefreshRefusals(t *testing.T) {
	w := newWorld()
	w.publish("node2.test", "node3.test", "node4.test")
	staging := w.draft("node2.test", 1)
	staging.Origin.Network = protocol.Staging
	w.serve("node2.test", sign(t, staging, w.key("node2.test")))
	w.serve("node3.test", w.descriptor(t, "node4.test", 1))
	w.serve("node5.test", w.descriptor(t, "node5.test", 1))
	w.serve("node6.test", []byte("<html>"))
	w.silent["node7.test"] = true
	w.serve("node7.test", w.descriptor(t, "node7.test", 1))
	w.srv["node8.test"] = []string{"https://host.example" + nodePath} // and nothing at the domain itself, which is no news
	w.documents["https://host.example"+nodePath] = []byte("<html>")
	b := w.book(t, func(o *peers.Options) {
		o.Domains = []string{"node2.test", "node3.test", "node5.test", "node6.test", "node7.test", "node8.test"}
	})
	b.Refresh(t.Context())
	for domain, want := range map[string]string{
		"node2.test": "refused: it is a node of the network staging",
		"node3.test": "another domain, node4.test",
		"node5.test": "refused: its descriptor is not signed by its domain",
		"node6.test": "INVALID_SCHEMA",
		"node7.test": "keys cannot be looked up now",
		"node8.test": "host.example" + nodePath + ": INVALID_SCHEMA",
	} {
		if s := status(t, b, domain); s.Admitted || !strings.Contains(s.State+" "+s.LastError, want) {
			t.Errorf("%s: %q, %q; want %q", domain, s.State, s.LastError, want)
		}
	}
	if len(b.Admitted()) != 0 {
		t.Errorf("admitted: %v", admitted(b))
	}
}

// TestWake: what gossip says can only have a peer's descriptor read sooner, and not again and again.
func TestWake(t *testing.T) {
	w := newWorld()
	w.publish("node2.test")
	w.serve("node2.test", w.descriptor(t, "node2.test", 1))
	b := w.book(t, func(o *peers.Options) { o.Domains = []string{"node2.test"} })
	b.Refresh(t.Context())
	w.documents["https://node2.test:8443"+nodePath] = w.descriptor(t, "node2.test", 2)
	b.Wake("stranger.test")
	select {
	case <-b.Woken():
		t.Error("a stranger woke the book")
	default:
	}
	for range 100 {
		b.Wake("node2.test")
	}
	<-b.Woken()
	b.Refresh(t.Context()) // too soon
	w.advance(time.Second)
	b.Refresh(t.Context())
	if p, _ := b.Peer("node2.test"); p.Descriptor.Sequence != 2 {
		t.Error("it was not read again")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := w.reads["https://node2.test:8443"+nodePath]; n != 1 {
		t.Errorf("read %d times, want once", n)
	}
}

// TestHealth: failures push a peer back, an answer or the operator forgives them, and a restart remembers.
func TestHealth(t *testing.T) {
	w := newWorld()
	w.publish("node2.test")
	b := w.book(t, open)
	if err := b.Observe(t.Context(), w.descriptor(t, "node2.test", 1), "test"); err != nil {
		t.Fatal(err)
	}
	if s := status(t, b, "node2.test"); s.State != "known, not asked yet" {
		t.Errorf("status %+v", s)
	}
	b.Report("node2.test", nil, 100, 0)
	b.Sent("node2.test", 7)
	b.Report("stranger.test", nil, 100, 0)
	contact := w.Now()
	var last time.Duration
	for i := range 30 {
		w.advance(time.Second)
		b.Report("node2.test", fmt.Errorf("fault %d\n\x1b[31m", i), 0, 0)
		wait := status(t, b, "node2.test").NextTry.Sub(w.Now())
		if wait <= 0 || wait > 10*time.Minute || i < 8 && wait <= last/2 {
			t.Errorf("after %d failures it waits %v, before it was %v", i+1, wait, last)
		}
		last = wait
	}
	if last < 5*time.Minute {
		t.Errorf("after 30 failures it waits %v", last)
	}
	if err := b.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*peers.Book{"live": b, "restarted": w.book(t, open)} {
		s := status(t, b, "node2.test")
		if s.Failures != 30 || s.LastError != "fault 29??[31m" || !s.LastContact.Equal(contact) || s.BytesIn != 100 || s.BytesOut != 7 ||
			!strings.Contains(s.State, "does not answer since") || s.NextTry.IsZero() {
			t.Errorf("%s: status %+v", name, s)
		}
	}
	if err := b.Reset("Node2.test"); err != nil {
		t.Fatal(err)
	}
	if s := status(t, b, "node2.test"); s.Failures != 0 || !s.NextTry.IsZero() {
		t.Errorf("after the reset: %+v", s)
	}
	if err := b.Reset("stranger.test"); !errors.Is(err, peers.ErrUnknown) {
		t.Errorf("a stranger: %v", err)
	}
	b.Report("node2.test", nil, 0, 0)
	if s := status(t, b, "node2.test"); s.State != "in contact" {
		t.Errorf("after an answer: %+v", s)
	}
}

// TestComplaint: what a peer did wrong stays to be seen while it answers well, and over a restart, until the operator has it tried again.
func TestComplaint(t *testing.T) {
	w := newWorld()
	w.publish("node2.test")
	b := w.book(t, open)
	if err := b.Observe(t.Context(), w.descriptor(t, "node2.test", 1), "test"); err != nil {
		t.Fatal(err)
	}
	b.Complain("node2.test", errors.New("it lies\x1b"))
	b.Complain("stranger.test", errors.New("it lies"))
	when := w.Now()
	w.advance(time.Second)
	b.Report("node2.test", nil, 100, 0)
	if err := b.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*peers.Book{"live": b, "restarted": w.book(t, open)} {
		if s := status(t, b, "node2.test"); s.Complaint != "it lies?" || !s.ComplainedAt.Equal(when) || s.State != "in contact" || s.Failures != 0 {
			t.Errorf("%s: status %+v", name, s)
		}
	}
	if err := b.Reset("node2.test"); err != nil {
		t.Fatal(err)
	}
	if s := status(t, b, "node2.test"); s.Complaint != "" || !s.ComplainedAt.IsZero() {
		t.Errorf("after the reset: %+v", s)
	}
}

// TestHeldUp: what holds a peer's log up is seen while it does, behind what the peer did wrong.
func TestHeldUp(t *testing.T) {
	w := newWorld()
	w.publish("node2.test")
	b := w.book(t, open)
	if err := b.Observe(t.Context(), w.descriptor(t, "node2.test", 1), "test"); err != nil {
		t.Fatal(err)
	}
	b.HeldUp("node2.test", errors.New("a clock is wrong"))
	b.HeldUp("stranger.test", errors.New("a clock is wrong"))
	if s := status(t, b, "node2.test"); s.Complaint != "a clock is wrong" || !s.ComplainedAt.Equal(w.Now()) {
		t.Errorf("status %+v", s)
	}
	b.Complain("node2.test", errors.New("it lies"))
	if s := status(t, b, "node2.test"); s.Complaint != "it lies" {
		t.Errorf("beside a lie: %+v", s)
	}
	if err := b.Reset("node2.test"); err != nil {
		t.Fatal(err)
	}
	b.HeldUp("node2.test", errors.New("a clock is wrong"))
	b.HeldUp("node2.test", nil)
	if s := status(t, b, "node2.test"); s.Complaint != "" || !s.ComplainedAt.IsZero() {
		t.Errorf("it has passed: %+v", s)
	}
}

// scripted answers requests with a handler, without a network.
type scripted http.HandlerFunc

func (s scripted) Do(r *http.Request, limit int64) (*http.Response, error) {
	rec := newRecorder()
	s(rec, r)
	if int64(rec.body.Len()) > limit {
		return nil, errors.New("too large for the test")
	}
	return rec.response(), nil
}

// TestExchange: peers' lists bring in what is allowed; a hostile list costs a bounded number of look-ups.
func TestExchange(t *testing.T) {
	w := newWorld()
	w.publish("node2.test", "node3.test")
	b := w.book(t, func(o *peers.Options) { o.Admission, o.Max = peers.Open, 1000 })
	if err := b.Observe(t.Context(), w.descriptor(t, "node2.test", 1), "test"); err != nil {
		t.Fatal(err)
	}
	answer := ""
	client := peers.NewClient(scripted(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte(answer)) }), b, "node1.test", w.Now)
	list := func(documents ...string) string {
		quoted := make([]string, len(documents))
		for i, d := range documents {
			quoted[i] = fmt.Sprintf("%q", d)
		}
		return `{"descriptors":[` + strings.Join(quoted, ",") + `]}`
	}
	answer = list("nonsense", string(w.descriptor(t, "node1.test", 9)), string(w.descriptor(t, "node3.test", 1)))
	b.Exchange(t.Context(), client)
	if got := admitted(b); !slices.Equal(got, []string{"node2.test", "node3.test"}) {
		t.Errorf("admitted: %v", got)
	}
	var flood []string
	for i := range 400 {
		flood = append(flood, string(w.descriptor(t, fmt.Sprintf("made-up%d.test", i), 1)))
	}
	w.mu.Lock()
	w.lookups = 0
	w.mu.Unlock()
	answer = list(flood...)
	b.Exchange(t.Context(), client) // both peers are asked
	if w.lookups == 0 || w.lookups > 32 {
		t.Errorf("%d look-ups for 400 made-up domains of two peers", w.lookups)
	}
	answer = `{"descriptors":[],"more":1}`
	b.Exchange(t.Context(), client)
	if s := status(t, b, "node2.test"); !strings.Contains(s.LastError, "cannot be read") {
		t.Errorf("status %+v", s)
	}
}
