package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"mirnode/protocol"
)

const (
	// maxHistoryPages bounds what is asked of one node in one look: some thousands of observations.
	maxHistoryPages = 200
	// maxObservers bounds the domains whose keys are looked up in one look: a node may tell of observers that do not exist.
	maxObservers = 256
	// lookTimeout bounds one look at all nodes, with all that is verified.
	lookTimeout = 5 * time.Minute
	// busyPatience bounds how long a busy node is waited for in one look.
	busyPatience = 30 * time.Second
	// parallelChecks bounds the observations that are verified at once, each of which may wait for a look-up.
	parallelChecks = 16
)

// keysAnswer is what is read of the answer of GET /domains/{domain}/keys.
type keysAnswer struct {
	Keys []struct {
		Public string `json:"pub"`
	} `json:"keys"`
	History *[]struct {
		Log         string `json:"log"`
		Index       uint64 `json:"index"`
		Observation string `json:"observation"`
	} `json:"history"`
	Next string `json:"historyNext"`
}

// look asks all nodes once and judges what they say.
func (m *monitor) look(ctx context.Context) *monitorResult {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	r := &monitorResult{Domain: m.domain, Strange: []*strangeKey{}, At: time.Now().UTC().Truncate(time.Millisecond)}
	found := &findings{sightings: make(map[string]*sighting)}
	answers := make([]nodeResult, len(m.nodes))
	var asking sync.WaitGroup
	for i, node := range m.nodes {
		asking.Go(func() { answers[i] = m.askNode(ctx, node, found) })
	}
	asking.Wait()
	r.Nodes = answers
	m.verify(ctx, found)
	m.sum(r, found)
	return r
}

// findings gathers what nodes say. Several nodes tell of one observation: it is kept once.
type findings struct {
	mu        sync.Mutex
	sightings map[string]*sighting // by the document, or by node and key; owned by mu
	unread    int                  // what makes no sense; owned by mu
}

func (f *findings) add(id string, s *sighting) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sightings[id] == nil {
		f.sightings[id] = s
	}
}

// askNode reads what one node knows.
func (m *monitor) askNode(ctx context.Context, node *nodeClient, found *findings) nodeResult {
	result := nodeResult{Node: node.base.Redacted()}
	cursor, left := "", busyPatience
	for range maxHistoryPages {
		answer, err := m.page(ctx, node, cursor, &left)
		if err != nil {
			f := faultOf(err)
			result.Error, result.Hint = f.Message, f.Hint
			return result
		}
		if cursor == "" {
			m.addPublished(result.Node, answer, found)
		}
		for _, h := range *answer.History {
			result.Observations++
			o, err := protocol.ParseObservation([]byte(h.Observation))
			if err != nil || o.Domain != m.domain {
				found.mu.Lock()
				found.unread++
				found.mu.Unlock()
				continue
			}
			found.add(string(o.Raw()), &sighting{
				Observer: o.Observer, Channels: o.Key.Channels, FirstSeen: o.FirstSeen, LastSeen: o.LastSeen, Gone: o.Gone,
				Log: h.Log, Index: h.Index, observation: o, public: o.Key.Public,
			})
		}
		if answer.Next == "" || answer.Next == cursor {
			return result
		}
		cursor = answer.Next
	}
	result.Truncated = true
	return result
}

// page asks for a page of the history, and again while the node is busy and there is time left.
func (m *monitor) page(ctx context.Context, node *nodeClient, cursor string, left *time.Duration) (*keysAnswer, error) {
	query := url.Values{}
	if cursor != "" {
		query.Set("history", cursor)
	}
	for {
		answer, err := node.ask(ctx, http.MethodGet, "/domains/"+m.domain+"/keys", query, "", nil)
		if err != nil {
			return nil, err
		}
		if wait := max(answer.retryAfter, time.Second); answer.busy() && wait <= *left {
			*left -= wait
			if pauseFor(ctx, wait) {
				continue
			}
		}
		if err := answer.err(); err != nil {
			return nil, err
		}
		read := new(keysAnswer)
		if err := json.Unmarshal(answer.body, read); err != nil {
			return nil, fmt.Errorf("%w: %w", errWrongAnswer, err)
		}
		if read.History == nil {
			return nil, withHint("the node tells no history of keys", "It may be too old a version.")
		}
		return read, nil
	}
}

// addPublished adds what the node says that the domain publishes now. Nobody signed that.
func (m *monitor) addPublished(node string, answer *keysAnswer, found *findings) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	for _, k := range answer.Keys {
		public, err := protocol.ParsePublicKey(k.Public)
		if err != nil {
			continue
		}
		found.add(node+" "+k.Public, &sighting{Node: node, FirstSeen: now, LastSeen: now, Check: checkUnsigned, public: public})
	}
}

// verify checks the signature of each observation. A signer's key is looked up once; those beyond maxObservers stay unchecked, the
// observers of strange keys being the first.
func (m *monitor) verify(ctx context.Context, found *findings) {
	var all []*sighting
	for _, s := range found.sightings {
		if s.observation != nil {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *sighting) int {
		own := func(s *sighting) int {
			if m.own[s.fingerprint()] {
				return 1
			}
			return 0
		}
		return cmp.Or(own(a)-own(b), b.LastSeen.Compare(a.LastSeen), strings.Compare(a.Observer, b.Observer))
	})
	observers := make(map[string]bool)
	slots := make(chan struct{}, parallelChecks)
	var checking sync.WaitGroup
	for _, s := range all {
		if !observers[s.Observer] && len(observers) >= maxObservers {
			s.Check, s.Why = checkUnable, "there are too many observers"
			continue
		}
		observers[s.Observer] = true
		slots <- struct{}{}
		checking.Go(func() {
			defer func() { <-slots }()
			m.check(ctx, s)
		})
	}
	checking.Wait()
}

// check verifies one observation.
func (m *monitor) check(ctx context.Context, s *sighting) {
	verdict, err := m.judge.VerifyStatement(ctx, s.observation)
	switch unreachable, ok := errors.AsType[*protocol.UnreachableError](err); {
	case ok:
		s.Check, s.Why = checkUnable, unreachable.Error()
	case err != nil:
		s.Check, s.Why = checkUnable, err.Error()
	case verdict.Accepted():
		s.Check = checkGood
	case verdict.Code == protocol.KeyNotFound:
		s.Check, s.Why = checkUnable, verdict.Reason // the observer's key may have been retired since
	default:
		s.Check, s.Why = checkForged, verdict.Reason
	}
}

// sum sorts what was found by key.
func (m *monitor) sum(r *monitorResult, found *findings) {
	strange := make(map[string]*strangeKey)
	own := make(map[string]bool)
	r.Unreadable = found.unread
	for _, s := range found.sightings {
		fingerprint := s.fingerprint()
		switch {
		case s.Check == checkForged:
			r.Forged = append(r.Forged, s)
		case m.own[fingerprint]:
			own[fingerprint] = true
		case s.LastSeen.Before(m.since):
		default:
			if strange[fingerprint] == nil {
				strange[fingerprint] = &strangeKey{Fingerprint: fingerprint, Public: protocol.EncodePublicKey(s.public)}
			}
			strange[fingerprint].add(s)
		}
	}
	for _, k := range strange {
		slices.SortFunc(k.Sightings, bySight)
		r.Strange = append(r.Strange, k)
	}
	slices.SortFunc(r.Strange, func(a, b *strangeKey) int {
		return cmp.Or(b.LastSeen.Compare(a.LastSeen), strings.Compare(a.Fingerprint, b.Fingerprint))
	})
	slices.SortFunc(r.Forged, bySight)
	r.Own = len(own)
	answered := slices.ContainsFunc(r.Nodes, func(n nodeResult) bool { return n.Error == "" })
	if answered && len(found.sightings) == 0 && found.unread == 0 {
		r.Warning = neverSeen
	}
	r.conclude()
}

func bySight(a, b *sighting) int {
	return cmp.Or(b.LastSeen.Compare(a.LastSeen), strings.Compare(a.Observer, b.Observer), strings.Compare(a.Log, b.Log), cmp.Compare(a.Index, b.Index))
}
