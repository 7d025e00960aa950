package issuers_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mirnode/issuers"
	"mirnode/protocol"
	"mirnode/store"
)

const own = "own.test"

// nodeKey signs all homes' records: whether it is the home's key is not the directory's to judge.
var nodeKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

// world is what a directory sees: records, state, DNS and published keys.
type world struct {
	mu      sync.Mutex
	records map[string]*protocol.Issuer
	state   map[string][]byte
	broken  bool // PutState fails
	txt     map[string][]string
	silent  map[string]bool // names that nobody answers for
	once    map[string]int  // names that have nothing to say so many times
	mute    map[string]bool // names whose servers take the question and say nothing
	hanging chan struct{}   // not nil: DNS answers nothing until it is closed
	asked   map[string]int
	keys    map[string]map[string]protocol.DomainKey // domain, fingerprint; a nil map: silent
	sought  int
}

func newWorld() *world {
	return &world{
		records: make(map[string]*protocol.Issuer), state: make(map[string][]byte), txt: make(map[string][]string),
		silent: make(map[string]bool), once: make(map[string]int), mute: make(map[string]bool), asked: make(map[string]int), keys: make(map[string]map[string]protocol.DomainKey),
	}
}

func (w *world) Issuer(_ context.Context, id string) (*protocol.Issuer, store.Record, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.records[id]; r != nil {
		return r, store.Record{}, nil
	}
	return nil, store.Record{}, store.ErrNotFound
}

func (w *world) PutState(_ context.Context, _, key string, value []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken {
		return store.ErrReadOnly
	}
	if len(value) == 0 {
		delete(w.state, key)
	} else {
		w.state[key] = bytes.Clone(value)
	}
	return nil
}

func (w *world) State(string) (map[string][]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.state), nil
}

func (w *world) TXT(ctx context.Context, name string) ([]string, error) {
	w.mu.Lock()
	w.asked[name]++
	values, silent, hanging := w.txt[name], w.silent[name], w.hanging
	if w.mute[name] {
		hanging = make(chan struct{})
	}
	if w.once[name] > 0 {
		w.once[name]--
		values = nil
	}
	w.mu.Unlock()
	if hanging != nil {
		select {
		case <-hanging:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if silent {
		return nil, &protocol.UnreachableError{Domain: name, Err: errors.New("SERVFAIL")}
	}
	return values, nil
}

func (w *world) FindKey(_ context.Context, domain, fingerprint string) (protocol.FoundKey, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sought++
	keys, there := w.keys[domain]
	if there && keys == nil {
		return protocol.FoundKey{}, &protocol.UnreachableError{Domain: domain, Err: errors.New("timeout")}
	}
	if key, ok := keys[fingerprint]; ok {
		return protocol.FoundKey{Domain: domain, Key: key}, nil
	}
	return protocol.FoundKey{}, &protocol.Error{Code: protocol.KeyNotFound, Message: "no such key"}
}

// set changes the world.
func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *world) count(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[name]
}

func (w *world) kept() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.state)
}

// directory makes one that runs until the test ends. The test is in a bubble.
func (w *world) directory(t *testing.T) *issuers.Directory {
	t.Helper()
	d, err := issuers.New(issuers.Options{Store: w, DNS: w, Keys: w, Home: own})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := d.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return d
}

// nonce is 32 hex digits made of a number.
func nonce(n int) string {
	var b [16]byte
	b[0], b[1], b[2], b[3] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return hex.EncodeToString(b[:])
}

// draft is that of a home's nth issuer, which verified a domain.
func draft(home string, n int, domain string) protocol.IssuerDraft {
	now := time.Now().UTC().Truncate(time.Millisecond)
	return protocol.IssuerDraft{
		Home: home, Nonce: nonce(n), Network: protocol.Development, Name: "News", Status: protocol.IssuerVerified,
		VerifiedBy: protocol.ByDomain, VerifiedAt: now, Domain: domain, DomainNonce: nonce(1_000_000 + n), Sequence: 1, Issued: now,
	}
}

// add signs a record, and puts it into the store.
func (w *world) add(t *testing.T, d protocol.IssuerDraft) *protocol.Issuer {
	t.Helper()
	r, err := d.Sign(nodeKey)
	if err != nil {
		t.Fatal(err)
	}
	w.set(func() { w.records[r.ID] = r })
	return r
}

// publish puts the record's token into DNS.
func (w *world) publish(r *protocol.Issuer) {
	w.set(func() {
		w.txt[protocol.VerifyLabel+r.Domain] = []string{"v=spf1 -all", protocol.DomainToken(r.ID, r.Domain, r.DomainNonce)}
	})
}

func standing(t *testing.T, d *issuers.Directory, id string) *issuers.Standing {
	t.Helper()
	s, err := d.Issuer(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// settled asks for the standing, lets what that sets off happen, and asks again.
func settled(t *testing.T, d *issuers.Directory, id string) *issuers.Standing {
	t.Helper()
	standing(t, d, id)
	synctest.Wait()
	return standing(t, d, id)
}
