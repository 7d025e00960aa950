package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"mirnode/protocol"
	"mirnode/store"
)

// account is an issuer of this home.
type account struct {
	id string
	// turn is held by whoever changes the issuer, over all of reading, writing the record and writing the document.
	turn     chan struct{}
	document atomic.Pointer[document] // replaced by the holder of turn
	brief    atomic.Pointer[brief]    // of the latest record; replaced by the holder of turn

	// appending is held alone while a record of the issuer is appended, and shared by those for whom the record must stay as it is meanwhile.
	appending sync.RWMutex

	entered atomic.Bool // the present log has the issuer's record, for sure

	counted atomic.Int64 // Unix seconds when its assertions were last counted by Run; not kept over a restart

	mu         sync.Mutex
	challenges []challenge // oldest first

	checks    *rate.Limiter // of live look-ups in DNS that the issuer asks for
	verifying *rate.Limiter // of domains that are verified: each is a record in the log for ever
}

// brief is what the rechecks need of a record. The record itself is the store's, and read when it is needed.
type brief struct {
	status     protocol.IssuerStatus
	verifiedBy string
	verifiedAt time.Time
}

// What an issuer may ask for, and the operator is not bound by.
const (
	checksPerMinute, checksBurst   = 12, 6
	verifiedPerDay, verifiedsBurst = 10, 10
)

func newAccount(id string, d *document) *account {
	acc := &account{
		id: id, turn: make(chan struct{}, 1),
		checks: rate.NewLimiter(checksPerMinute/60.0, checksBurst), verifying: rate.NewLimiter(verifiedPerDay/(24*60*60.0), verifiedsBurst),
	}
	acc.document.Store(d)
	return acc
}

func (acc *account) note(r *protocol.Issuer) {
	acc.brief.Store(&brief{status: r.Status, verifiedBy: r.VerifiedBy, verifiedAt: r.VerifiedAt})
}

// begin waits for the turn to change the issuer; end gives it on.
func (acc *account) begin(ctx context.Context) error {
	select {
	case acc.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (acc *account) end() { <-acc.turn }

// load reads all documents, and drops those of issuers that have no record.
func (a *Accounts) load(ctx context.Context) error {
	all, err := a.o.Store.State(stateSpace)
	if err != nil {
		return err
	}
	for id, value := range all {
		d, err := parseDocument(value)
		if err != nil {
			return fmt.Errorf("issuer %s: %w", id, err)
		}
		record, _, err := a.o.Store.Issuer(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			a.o.Logger.Info("removing what is left of an issuer that was never made", "issuer", id)
			if err := a.o.Store.PutState(ctx, stateSpace, id, nil); err != nil {
				a.o.Logger.Warn("what is left of an issuer could not be removed", "issuer", id, "error", err)
			}
			continue
		} else if err != nil {
			return fmt.Errorf("issuer %s: %w", id, err)
		}
		acc := newAccount(id, d)
		acc.note(record)
		a.insert(acc)
	}
	return nil
}

// insert makes the issuer and its API keys known.
func (a *Accounts) insert(acc *account) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byID[acc.id] = acc
	if at, there := slices.BinarySearch(a.order, acc.id); !there {
		a.order = slices.Insert(a.order, at, acc.id)
	}
	for i := range acc.document.Load().APIKeys {
		a.admit(acc, &acc.document.Load().APIKeys[i])
	}
}

// account finds an issuer of this home. Errors: a Refusal, NotFound or Forbidden, and those of reading.
func (a *Accounts) account(ctx context.Context, id string) (*account, error) {
	a.mu.RLock()
	acc := a.byID[id]
	a.mu.RUnlock()
	if acc != nil {
		return acc, nil
	}
	record, err := a.record(ctx, id)
	if err != nil {
		return nil, err
	}
	return a.adopt(record)
}

// adopt takes up an issuer of this home whose document was lost. Nothing is written before the first change.
func (a *Accounts) adopt(record *protocol.Issuer) (*account, error) {
	a.mu.RLock()
	full := len(a.byID) >= a.o.Policy.MaxIssuers
	a.mu.RUnlock()
	if full {
		return nil, a.full()
	}
	acc := newAccount(record.ID, new(document))
	acc.note(record)
	a.mu.Lock()
	defer a.mu.Unlock()
	if earlier := a.byID[record.ID]; earlier != nil {
		return earlier, nil
	}
	a.byID[record.ID] = acc
	at, _ := slices.BinarySearch(a.order, record.ID)
	a.order = slices.Insert(a.order, at, record.ID)
	a.o.Logger.Info("an issuer has no document here: it has no plan and no API keys until the operator makes some", "issuer", record.ID)
	return acc, nil
}

func (a *Accounts) full() error {
	return refuse(Forbidden, "", "this node has as many issuers as it may have: %d", a.o.Policy.MaxIssuers)
}

// record gives the latest record of an issuer of this home, mostly from memory.
func (a *Accounts) record(ctx context.Context, id string) (*protocol.Issuer, error) {
	standing, err := a.o.Directory.Issuer(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, refuse(NotFound, "an issuer's ID is issuer_ and 32 hex digits; the operator of its home makes it", "there is no issuer %s", shown(id))
	case err != nil:
		return nil, fmt.Errorf("reading the issuer %s: %w", id, err)
	case standing.Record.Home != a.o.Home:
		return nil, refuse(Forbidden, "ask "+standing.Record.Home, "the home of the issuer %s is %s, not this node", id, standing.Record.Home)
	}
	return standing.Record, nil
}

// errUnchanged is what an edit says that has nothing to do.
var errUnchanged = errors.New("nothing to change")

// change makes the issuer's next record, by an edit of the one before, and appends it. The caller holds the turn. now is not before the last record's
// time, so that a clock that was set back makes no record that cannot follow. An edit that returns errUnchanged leaves all as it is.
//
// What has begun is finished even if the caller goes away: while it is not known whether a record was written, no other may be made.
func (a *Accounts) change(ctx context.Context, acc *account, edit func(d *protocol.IssuerDraft, now time.Time) error) (*protocol.Issuer, error) {
	previous, _, err := a.o.Store.Issuer(ctx, acc.id)
	if err != nil {
		return nil, fmt.Errorf("reading the issuer's record: %w", err)
	}
	draft := previous.Draft()
	// What the record says of the present, such as when a key was revoked, must not be older than what is appended meanwhile: see Steady.
	acc.appending.Lock()
	defer acc.appending.Unlock()
	now := a.o.Now().UTC().Truncate(time.Millisecond)
	if now.Before(previous.Issued) {
		now = previous.Issued
	}
	if err := edit(&draft, now); errors.Is(err, errUnchanged) {
		return previous, nil
	} else if err != nil {
		return nil, err
	}
	draft.Sequence, draft.Issued = previous.Sequence+1, now
	next, err := a.o.Sign(draft)
	if err != nil {
		return nil, refusal(err)
	}
	if err := next.Follows(previous); err != nil {
		return nil, fmt.Errorf("this node would not take its own record: %w", err) // not a Refusal: the caller can do nothing about it
	}
	if _, err := a.o.Store.AppendStatement(context.WithoutCancel(ctx), next); err != nil {
		return nil, fmt.Errorf("appending the issuer's record: %w", err)
	}
	acc.note(next)
	a.o.Directory.Learned(next)
	return next, nil
}

// Steady keeps the issuer's record as it is until release is called, which must be soon: whoever appends what a key of the issuer signed reads the record after it,
// and appends before release, so that no revocation comes between and every replica judges as this node did. Others may hold it too.
func (a *Accounts) Steady(ctx context.Context, id string) (release func(), err error) {
	acc, err := a.account(ctx, id)
	if err != nil {
		return nil, err
	}
	acc.appending.RLock()
	return acc.appending.RUnlock, nil
}

// rewrite replaces the issuer's document by an edited copy. The caller holds the turn. The copy is in force only when it is on disk.
func (a *Accounts) rewrite(ctx context.Context, acc *account, edit func(d *document)) error {
	d := acc.document.Load().clone()
	edit(d)
	a.stampUses(d)
	value, err := d.encode()
	if err == nil {
		err = a.o.Store.PutState(context.WithoutCancel(ctx), stateSpace, acc.id, value)
	}
	if err != nil {
		return fmt.Errorf("keeping the issuer's document: %w", err)
	}
	acc.document.Store(d)
	return nil
}
