package accounts

import (
	"context"
)

// Activity is where issuers' assertions are counted: a *store.Store. It is called from several goroutines.
type Activity interface{}

func (a *Accounts) checkActivities(context.Context) {}
