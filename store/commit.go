package store

import (
	"slices"
	"time"
)

// commitLoop is the committer: it takes what waits, writes it in one transaction, answers, and begins again. There is no timer: while
// one transaction syncs, the next one's requests gather by themselves.
func (s *Store) commitLoop() {
	defer s.routines.Done()
	defer close(s.stopped)
	var probe <-chan time.Time // set while a write fault lasts
	for {
		mirrored := s.mirrored
		if s.crowded() {
			mirrored = nil // the room that is left is for this node's own clients
			notify(s.mergeWanted)
		}
		var first *request
		select {
		case <-s.quit:
			s.refuseWaiting()
			return
		case <-probe:
			probe = nil
			s.probe()
		case <-s.roomMade: // mirrors' requests may go on
		case <-s.fault.changed: // they are refused
		case first = <-s.queue:
		case first = <-mirrored:
		}
		if first != nil {
			requests := s.gather(first)
			s.makeRoom(requests)
			s.commit(requests)
		}
		if probe == nil && s.fault.get(faultWrite) != nil {
			probe = time.After(s.options.ProbeInterval)
		}
	}
}

// refuseWaiting answers those whose requests were not begun.
func (s *Store) refuseWaiting() {
	for {
		select {
		case r := <-s.queue:
			s.reply(r, answer{err: ErrClosed})
		case r := <-s.mirrored:
			s.reply(r, answer{err: ErrClosed})
		default:
			return
		}
	}
}

const (
	// mirrorShare is what mirrors' requests may take of a transaction, in claims and in bytes: so long a client that comes meanwhile waits.
	mirrorShare = maxCommitClaims / 2
	mirrorBytes = maxCommitBytes / 4
	// crowdedShare is how many of the transactions take one request of a mirror while the tables are crowded: one in so many. Mirrors starve
	// neither, then.
	crowdedShare = 16
)

// gather takes what waits, up to the bounds of a transaction: clients' requests before mirrors', though of these one at least when it is
// their turn.
func (s *Store) gather(first *request) []*request {
	requests, claims, bytes := []*request{first}, first.weight, first.bytes
	take := func(from chan *request, claimsTo int, bytesTo int64) {
		for claims < claimsTo && bytes < bytesTo {
			select {
			case r := <-from:
				requests = append(requests, r)
				claims += r.weight
				bytes += r.bytes
			default:
				return
			}
		}
	}
	take(s.queue, maxCommitClaims, maxCommitBytes)
	s.turn++
	switch {
	case !s.crowded():
		own := claims
		if first.mirror {
			own -= first.weight
		}
		take(s.mirrored, max(min(own+mirrorShare, maxCommitClaims), claims+1), mirrorBytes+bytes)
	case s.turn%crowdedShare == 0:
		take(s.mirrored, claims+1, bytes+1)
	}
	return requests
}

// crowded tells whether a merge lags behind, so that what is appended must be held back. While there is a fault nothing is: it is refused.
func (s *Store) crowded() bool {
	s.state.RLock()
	full := s.state.active.claims() >= s.options.MergeClaims
	s.state.RUnlock()
	return full && s.writable() == nil
}

// slowest is how long a claim is held up when the active table is all but full: it lets the merger catch up before appends must stop.
const slowest = 100 * time.Microsecond

// makeRoom sees to it that the active table stays within twice MergeClaims. While a merge lags behind, appends are slowed the more the
// fuller the table is; at the bound they wait.
func (s *Store) makeRoom(requests []*request) {
	claims := 0
	for _, r := range requests {
		claims += r.weight
	}
	began := time.Now()
	for {
		s.state.RLock()
		over := s.state.active.claims() - s.options.MergeClaims
		s.state.RUnlock()
		if over < 0 || s.fault.err() != nil { // commit refuses while there is a fault
			break
		}
		notify(s.mergeWanted)
		var wait <-chan time.Time
		full := over >= s.options.MergeClaims
		if !full {
			wait = time.After(slowest * time.Duration(claims) * time.Duration(over) / time.Duration(s.options.MergeClaims))
		}
		select {
		case <-s.roomMade:
			continue
		case <-wait:
		case <-s.fault.changed:
		case <-s.quit:
		}
		break
	}
	s.counts.slowed.Add(int64(time.Since(began)))
}

// commit writes the requests and answers each: in one transaction, unless some about one artifact must be judged one after another.
func (s *Store) commit(requests []*request) {
	for len(requests) > 0 {
		now, later := apart(requests)
		s.commitTogether(now)
		requests = later
	}
}

// commitTogether writes the requests in one transaction and answers each. Those whose waiters have gone are dropped, and those that are out of turn refused.
func (s *Store) commitTogether(requests []*request) {
	requests = slices.DeleteFunc(requests, func(r *request) bool {
		refused := r.ctx.Err()
		if refused == nil && r.about != nil {
			refused = s.outOfTurn(r)
		}
		if refused != nil {
			s.reply(r, answer{err: refused})
		}
		return refused != nil
	})
	if len(requests) == 0 {
		return
	}
	err := s.writable() // the own log may be frozen or unconfirmed: mirrors go on, and each append of our own is answered for itself
	answers := make([]answer, len(requests))
	if err == nil {
		err = s.write(requests, answers)
	}
	for i, r := range requests {
		if err != nil {
			answers[i] = answer{err: err}
		}
		s.reply(r, answers[i])
	}
}
