package accounts

import (
	"context"
	"errors"
	"sync"
	"time"

	"mirnode/protocol"
)

const (
	// tick is how often Run looks at what is due.
	tick = 10 * time.Minute
	// perTick bounds the issuers whose document is written in a tick because their keys were used, and those that are checked.
	perTick = 5_000
	// checking is how many domains are rechecked at once: one that does not answer takes lookTimeout.
	checking = 4
	// usesEvery is how far what is on disk of a key's last use may be behind.
	usesEvery = time.Hour
)

// Run does what time brings, until the context ends, and then returns nil: domains are rechecked, activity is looked at, and the last use of API keys is
// written down, at most once an hour. Before all that, issuers without a document are found, and the present log gets every issuer's record. It may be called once.
func (a *Accounts) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	// Each kind of work has a goroutine: domains that do not answer must hold up nothing else.
	running.Go(func() { each(ctx, a.recheckDue) })
	running.Go(func() { each(ctx, a.checkActivities) })
	running.Go(func() { each(ctx, a.writeUses) })
	running.Go(func() { a.lookAfterOwn(ctx) })
	return nil
}

func each(ctx context.Context, work func(context.Context)) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		work(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// due gives issuers for which the test holds, at most perTick. Those that are not among them come at a later tick, since those that are then are not due any more.
func (a *Accounts) due(test func(acc *account, b *brief) bool) []*account {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var list []*account
	for _, acc := range a.byID {
		if test(acc, acc.brief.Load()) {
			if list = append(list, acc); len(list) == perTick {
				break
			}
		}
	}
	return list
}

// recheckDue asks the domains whose time has come.
func (a *Accounts) recheckDue(ctx context.Context) {
	now := a.o.Now()
	list := a.due(func(acc *account, b *brief) bool {
		return b.verifiedBy == protocol.ByDomain && !now.Before(a.nextCheck(acc.document.Load(), b.verifiedAt))
	})
	slots := make(chan struct{}, checking)
	var running sync.WaitGroup
	defer running.Wait()
	for _, acc := range list {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		running.Go(func() {
			defer func() { <-slots }()
			if _, err := a.RecheckDomain(ctx, acc.id); err != nil && ctx.Err() == nil {
				a.complain("an issuer's domain could not be rechecked", acc, err)
			}
		})
	}
}

func (a *Accounts) complain(what string, acc *account, err error) {
	var verdict *Refusal
	if !errors.As(err, &verdict) {
		a.o.Logger.Warn(what, "issuer", acc.id, "error", err)
	}
}

// writeUses writes down when API keys were last used, where what is on disk is old.
func (a *Accounts) writeUses(ctx context.Context) {
	list := a.due(func(acc *account, _ *brief) bool {
		d := acc.document.Load()
		for i := range d.APIKeys {
			k := &d.APIKeys[i]
			live := a.keys[k.Hash] // due holds mu
			if live != nil && live.used.Load() > 0 && time.Unix(live.used.Load(), 0).Sub(k.LastUsed) >= usesEvery {
				return true
			}
		}
		return false
	})
	for _, acc := range list {
		if acc.begin(ctx) != nil {
			return
		}
		err := a.rewrite(ctx, acc, func(*document) {})
		acc.end()
		if err != nil {
			a.complain("the last use of API keys could not be kept", acc, err)
			return // the disk is full, or closed
		}
	}
}
