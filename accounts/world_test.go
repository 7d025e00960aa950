package accounts_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"mirnode/accounts"
	"mirnode/issuers"
	"mirnode/protocol"
	"mirnode/store"
)

const home = "node1.test"

var nodeKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

// world is what accounts work with: a store in memory that can fail, and DNS.
type world struct {
	mu         sync.Mutex
	log        []*protocol.Issuer
	state      map[string][]byte
	puts       int
	failAppend error // of AppendStatement, which then appends nothing
	failPut    error
	hold       chan struct{} // not nil: AppendStatement waits for it
	waiting    chan struct{} // told when it does

	txt    map[string][]string
	silent bool
	asked  int

	assertions []store.AssertionState // newest first
	disputes   map[[32]byte][]store.AssertionState
	truncated  bool // about each artifact there are more disputes than are shown

	directory *issuers.Directory
	logged    bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{state: make(map[string][]byte), txt: make(map[string][]string), disputes: make(map[[32]byte][]store.AssertionState)}
	var err error
	if w.directory, err = issuers.New(issuers.Options{Store: inDirectory{w}, DNS: w, Keys: w, Home: home}); err != nil {
		t.Fatal(err)
	}
	return w
}

// inDirectory has the directory's state apart from the accounts'.
type inDirectory struct{ *world }

func (inDirectory) PutState(context.Context, string, string, []byte) error { return nil }
func (inDirectory) State(string) (map[string][]byte, error)                { return nil, nil }

func (w *world) Issuer(_ context.Context, id string) (*protocol.Issuer, store.Record, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range slices.Backward(w.log) {
		if r.ID == id {
			return r, store.Record{Own: true}, nil
		}
	}
	return nil, store.Record{}, store.ErrNotFound
}

func (w *world) AppendStatement(ctx context.Context, s protocol.Statement) (store.Appended, error) {
	w.mu.Lock()
	hold := w.hold
	w.mu.Unlock()
	if hold != nil {
		w.waiting <- struct{}{}
		<-hold
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failAppend != nil {
		return store.Appended{}, w.failAppend
	}
	if err := ctx.Err(); err != nil {
		return store.Appended{}, err
	}
	w.log = append(w.log, s.(*protocol.Issuer))
	return store.Appended{}, nil
}

func (w *world) PutState(_ context.Context, _, key string, value []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failPut != nil {
		return w.failPut
	}
	w.puts++
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

// Of the logs there is nothing to be found here: see own_test.go.
func (*world) Heads(uint64, int) ([]store.Head, uint64) { return nil, 0 }

func (*world) Entries(context.Context, string, uint64, uint64) ([]protocol.Entry, error) {
	return nil, nil
}

func (*world) Record(context.Context, [32]byte) (store.Record, error) {
	return store.Record{}, store.ErrNotFound
}

func (w *world) VisitIssuer(_ context.Context, _ string, limit int, cursor string, visit func(*store.AssertionState)) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	from := len(cursor) // so many pages were read
	for i := from * limit; i < min((from+1)*limit, len(w.assertions)); i++ {
		visit(&w.assertions[i])
	}
	if (from+1)*limit >= len(w.assertions) {
		return "", nil
	}
	return cursor + "x", nil
}

func (w *world) VisitArtifact(_ context.Context, artifact [32]byte, _ store.ArtifactQuery, visit func(*store.AssertionState)) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.disputes[artifact] {
		visit(&w.disputes[artifact][i])
	}
	return w.truncated, nil
}

func (w *world) TXT(_ context.Context, name string) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	if w.silent {
		return nil, &protocol.UnreachableError{Domain: name, Err: errors.New("SERVFAIL")}
	}
	return w.txt[name], nil
}

func (w *world) FindKey(context.Context, string, string) (protocol.FoundKey, error) {
	return protocol.FoundKey{}, &protocol.Error{Code: protocol.KeyNotFound}
}

func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// accounts opens them, as after a start of the node. What they log is in w.logged.
func (w *world) accounts(t *testing.T, edit ...func(*accounts.Options)) *accounts.Accounts {
	t.Helper()
	o := accounts.Options{
		Store: w, Directory: w.directory, DNS: w, Home: home, Network: protocol.Development,
		Sign:   func(d protocol.IssuerDraft) (*protocol.Issuer, error) { return d.Sign(nodeKey) },
		Policy: accounts.Policy{ActivityAssertions: 3, ActivityDays: 30},
		Logger: slog.New(slog.NewTextHandler(io.MultiWriter(&w.logged, t.Output()), nil)),
	}
	for _, e := range edit {
		e(&o)
	}
	a, err := accounts.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// run makes accounts work until the test ends. The test is in a bubble.
func run(t *testing.T, a *accounts.Accounts) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := a.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func create(t *testing.T, a *accounts.Accounts, name string) (id, key string) {
	t.Helper()
	account, key, err := a.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return account.Record.ID, key
}

func account(t *testing.T, a *accounts.Accounts, id string) accounts.Account {
	t.Helper()
	view, err := a.Account(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return view
}

// verify makes an issuer VERIFIED by a domain, and returns the name that holds the token.
func (w *world) verify(t *testing.T, a *accounts.Accounts, id, domain string) string {
	t.Helper()
	task, err := a.StartDomain(t.Context(), id, domain)
	if err != nil {
		t.Fatal(err)
	}
	w.set(func() { w.txt[task.Name] = append(w.txt[task.Name], task.Value) })
	check, err := a.CheckDomain(t.Context(), id)
	if err != nil || !check.Verified {
		t.Fatalf("%+v, %v", check, err)
	}
	return task.Name
}

// kind gives a refusal's kind; 0 for nil, and -1 for another error.
func kind(err error) accounts.Kind {
	var r *accounts.Refusal
	switch {
	case err == nil:
		return 0
	case errors.As(err, &r):
		return r.Kind
	}
	return -1
}

func wantKind(t *testing.T, what string, err error, want accounts.Kind) {
	t.Helper()
	if kind(err) != want {
		t.Errorf("%s: got %d (%v), want %d", what, kind(err), err, want)
	}
}

func now() time.Time { return time.Now().UTC() }
