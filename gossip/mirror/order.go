package mirror

import (
	"context"
	"slices"

	"mirnode/protocol"
	"mirnode/store"
)

// maxEpochTries is how often what may depend on an earlier log of its home is looked at: a log says nothing of those before it, which may be gone. The
// last try comes some eleven hours after the first.
const maxEpochTries = 12

// wait decides that a record goes to quarantine, or stays there, until what it wants is there. What is held already, at a later place, is asked for again.
func (t *matter) wait(want, what string) {
	t.outcome.State, t.outcome.Wants, t.outcome.Code, t.outcome.Reason = store.Quarantined, want, protocol.KeyNotFound, what+" is not here yet"
	if t.again {
		t.outcome.State, t.outcome.Record, t.outcome.Wants = store.Missing, nil, ""
	}
}

// displace decides that a record takes the place of one that is held, and stands behind it in the log.
func (t *matter) displace(record [32]byte) {
	t.outcome.Displaces = append(t.outcome.Displaces, record)
}

// ofLaterEpoch reports whether what a record depends on may be in an earlier log of the home, which is not known to be here: for so long as that is waited for.
func (t *matter) ofLaterEpoch(home string) (bool, error) {
	origin, err := protocol.ParseOrigin(t.first(home).Origin)
	return origin.Epoch > 1 && t.tries < maxEpochTries, stored("reading a place", err)
}

// behind finds what keeps a record at a place from being judged by the records of an issuer before it: that one of them may still come. Empty: nothing does.
func (l *ledger) behind(ctx context.Context, place store.Place, issuerID string) (string, error) {
	lacks, err := l.lacks(ctx, protocol.KindIssuer, place)
	if lacks || err != nil {
		return homeTurn(l.home), err
	}
	waits, err := l.waits(ctx, issuerID, place)
	if waits || err != nil {
		return turnOf(issuerID), err
	}
	return "", nil
}

// mayCome reports whether an issuer's record or an assertion may be held one day that comes before a place: it is in quarantine, or may be among the missing
// bodies of the home's logs, or in an earlier one of these.
func (l *ledger) mayCome(ctx context.Context, t *matter, place store.Place, kind protocol.Kind, id string) (bool, error) {
	if lacks, err := l.lacks(ctx, kind, place); lacks || err != nil {
		return lacks, err
	}
	if waits, err := l.waits(ctx, id, place); waits || err != nil {
		return waits, err
	}
	return t.ofLaterEpoch(l.home)
}

// lacks reports whether a body of a kind is missing before a place in the home's logs.
func (l *ledger) lacks(ctx context.Context, kind protocol.Kind, place store.Place) (bool, error) {
	missing, known := l.missing[kind]
	if !known {
		all, err := l.m.store.MissingOf(ctx, l.home, kind, len(l.judged)+1) // one at least is none of the batch
		if err != nil {
			return false, stored("reading what is missing", err)
		}
		missing = slices.DeleteFunc(all, func(p store.Place) bool { return l.judged[placeName{p.Origin, p.Index}] })
		l.missing[kind] = missing
	}
	before := func(p store.Place) bool { return domainOf(p.Origin) == l.home && inLogOrder(p, place) < 0 }
	return slices.ContainsFunc(missing, before) || slices.ContainsFunc(l.lacked[kind], before), nil
}

// waits reports whether a record of an issuer, or an assertion, by its ID, is in quarantine that stands before a place. Of the batch those were judged.
func (l *ledger) waits(ctx context.Context, id string, place store.Place) (bool, error) {
	if l.waiting[id] {
		return true, nil
	}
	offers, known := l.offers[id]
	if !known {
		var err error
		if offers, err = l.m.store.Offered(ctx, id); err != nil {
			return false, stored("reading the quarantine", err)
		}
		l.offers[id] = offers
	}
	return slices.ContainsFunc(offers, func(o store.Offer) bool {
		first, here := firstOf(o.Places, l.home)
		return here && !l.judged[placeName{first.Origin, first.Index}] && inLogOrder(first, place) < 0
	}), nil
}

// placed finds where a record that is held stands in the home's logs, unless that is known.
func (l *ledger) placed(ctx context.Context, record [32]byte, known *store.Place) (*store.Place, error) {
	if known != nil {
		return known, nil
	}
	held, err := l.m.store.Record(ctx, record)
	if err != nil {
		return nil, stored("reading a record", err)
	}
	first, _ := firstOf(held.Places, l.home)
	return &first, nil
}

// seated finds where the home's assertions about an artifact stand, of which there are as many as may be: in the log's order.
func (l *ledger) seated(ctx context.Context, artifact [32]byte) ([]seat, error) {
	if seats, known := l.seats[artifact]; known {
		return seats, nil
	}
	var seats []seat
	all := store.ArtifactQuery{Home: l.home, Limit: maxOnArtifact, PerHome: maxOnArtifact, Scan: maxSeatScan}
	_, err := l.m.store.VisitArtifact(ctx, artifact, all, func(a *store.AssertionState) {
		if first, here := firstOf(a.Places, l.home); here && !l.batch[a.RecordHash] {
			seats = append(seats, seat{first, a.RecordHash, a.SigHash})
		}
	})
	if err != nil {
		return nil, stored("reading the assertions about an artifact", err)
	}
	slices.SortFunc(seats, func(a, b seat) int { return inLogOrder(a.place, b.place) })
	l.seats[artifact] = seats
	return seats, nil
}

// maxSeatScan bounds the keys of the index that are looked at for that: a hundred homes' assertions about one artifact.
const maxSeatScan = 100 * maxOnArtifact
