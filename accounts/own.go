package accounts

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"mirnode/protocol"
	"mirnode/store"
)

// The log is the truth about the issuers of this home, and it may come back from peers without the documents, or begin anew with another epoch. Both are mended
// here, while the node runs: issuers without a document are found in the home's logs, and the present log gets the record of each issuer.

// Logs are where the records of this home's issuers stand; see *store.Store.
type Logs interface {
	// Heads gives all logs that are held, a page at a time.
	Heads(since uint64, limit int) (heads []store.Head, next uint64)
	Entries(ctx context.Context, origin string, start, end uint64) ([]protocol.Entry, error)
	Record(ctx context.Context, hash [32]byte) (store.Record, error)
}

const (
	// foundSpace is where the store keeps how far each log was searched.
	foundSpace = "accounts-found"
	// headsPage and entriesPage are how many heads and entries are read at a time.
	headsPage, entriesPage = 256, 1_000
	// maxLearned bounds the issuers that wait to be taken up. What is past it is found by another search.
	maxLearned = 1_024
	// againAfter is how long what could not be done waits, such as an entry of a log that is not confirmed yet.
	againAfter = 10 * time.Second
)

// Learned hears of records that the store newly holds. It never blocks.
func (a *Accounts) Learned(r protocol.Record) {
	issuer, ok := r.(*protocol.Issuer)
	if !ok || issuer.Home != a.o.Home || a.knows(issuer.ID) {
		return
	}
	select {
	case a.learned <- issuer.ID:
	default:
		a.missed.Store(true)
	}
}

func (a *Accounts) knows(id string) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.byID[id] != nil
}

// lookAfterOwn searches the logs, takes up what is learned, and sees that the present log has every issuer's record.
func (a *Accounts) lookAfterOwn(ctx context.Context) {
	searched, entered := false, false
	for {
		if !searched || a.missed.Swap(false) {
			searched = a.attempt(ctx, "the logs could not be searched for issuers", a.search)
		}
		if !entered {
			entered = a.attempt(ctx, "issuers' records are not in the present log yet", a.enterAll)
		}
		var again <-chan time.Time
		if !searched || !entered {
			again = time.After(againAfter)
		}
		select {
		case <-ctx.Done():
			return
		case <-again:
		case id := <-a.learned:
			entered = false
			searched = a.attempt(ctx, "an issuer could not be taken up", func(ctx context.Context) error { return a.takeUp(ctx, id) }) && searched
		}
	}
}

func (a *Accounts) attempt(ctx context.Context, complaint string, work func(context.Context) error) bool {
	err := work(ctx)
	if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrNotConfirmed) {
		a.o.Logger.Warn(complaint, "error", err)
	}
	return err == nil
}

// search takes up the issuers of this home that its logs have and the documents lack. It goes on where the last search ended, of this start or an earlier one.
func (a *Accounts) search(ctx context.Context) error {
	for since := uint64(0); ; {
		heads, next := a.o.Store.Heads(since, headsPage)
		for i := range heads {
			origin, err := protocol.ParseOrigin(heads[i].Origin)
			if err != nil || origin.Domain != a.o.Home {
				continue
			}
			if err := a.searchLog(ctx, heads[i].Origin, heads[i].Settled); err != nil {
				return fmt.Errorf("%s: %w", heads[i].Origin, err)
			}
		}
		if len(heads) < headsPage {
			return nil
		}
		since = next
	}
}

// searchLog searches one log up to its entry end. Where a body is not held yet, that is where the next start begins; while this one lasts, Learned tells of it.
func (a *Accounts) searchLog(ctx context.Context, origin string, end uint64) error {
	all, err := a.o.Store.State(foundSpace)
	if err != nil {
		return err
	}
	from, _ := strconv.ParseUint(string(all[origin]), 10, 64) // of none: 0
	whole, searched := from, true
	for start := from; start < end; {
		entries, err := a.o.Store.Entries(ctx, origin, start, min(start+entriesPage, end))
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			break
		}
		for i := range entries {
			if entries[i].Kind != protocol.KindIssuer {
				continue
			}
			held, err := a.searchRecord(ctx, entries[i].Record)
			if err != nil {
				return err
			}
			searched = searched && held
		}
		if start += uint64(len(entries)); searched {
			whole = start
		}
	}
	if whole == from {
		return nil
	}
	return a.o.Store.PutState(ctx, foundSpace, origin, strconv.AppendUint(nil, whole, 10))
}

// searchRecord takes up the issuer of a record, where it is held.
func (a *Accounts) searchRecord(ctx context.Context, hash [32]byte) (held bool, err error) {
	record, err := a.o.Store.Record(ctx, hash)
	if _, erased := errors.AsType[*store.ErasedError](err); erased {
		return true, nil
	}
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	issuer, err := protocol.ParseIssuer(record.Raw)
	if err != nil {
		return false, err
	}
	return true, a.takeUp(ctx, issuer.ID)
}

// takeUp keeps a document for an issuer of this home that has none, so that it is listed from now on.
func (a *Accounts) takeUp(ctx context.Context, id string) error {
	select {
	case a.creating <- struct{}{}: // whoever makes this very issuer has told of it when it is our turn
		defer func() { <-a.creating }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if a.knows(id) {
		return nil
	}
	record, _, err := a.o.Store.Issuer(ctx, id)
	if err != nil || record.Home != a.o.Home {
		return err
	}
	acc, err := a.adopt(record)
	if _, full := errors.AsType[*Refusal](err); full {
		a.o.Logger.Warn("an issuer of this home cannot be taken up", "issuer", id, "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	if err := acc.begin(ctx); err != nil {
		return err
	}
	defer acc.end()
	return a.rewrite(ctx, acc, func(*document) {})
}

// enterAll puts the record of each issuer into the present log, where it is not: after a change of the log's epoch there are nodes that never see the log before.
// What a crash leaves out is entered at the next start.
func (a *Accounts) enterAll(ctx context.Context) error {
	a.mu.RLock()
	list := make([]*account, 0, len(a.byID))
	for _, acc := range a.byID {
		if !acc.entered.Load() {
			list = append(list, acc)
		}
	}
	a.mu.RUnlock()
	for _, acc := range list {
		if err := a.enter(ctx, acc); err != nil {
			return err
		}
	}
	return nil
}

func (a *Accounts) enter(ctx context.Context, acc *account) error {
	if err := acc.begin(ctx); err != nil {
		return err
	}
	defer acc.end()
	issuer, record, err := a.o.Store.Issuer(ctx, acc.id)
	if err != nil {
		return err
	}
	if !record.Own {
		if _, err := a.o.Store.AppendStatement(context.WithoutCancel(ctx), issuer); err != nil {
			return err
		}
		a.o.Logger.Info("an issuer's record was entered into the present log", "issuer", acc.id)
	}
	acc.entered.Store(true)
	return nil
}
