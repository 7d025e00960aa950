package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// logModel is what a store with an own log and mirrors must be like from outside.
type logModel struct {
	dir    string
	store  *store.Store
	now    time.Time
	own    []uint64 // claims by their ids, as modelClaim makes them
	others []*modelMirror
	states map[uint64]store.BodyState // Unknown, Held, Quarantined or Erased
	places map[uint64]map[string]uint64
	first  map[uint64]*modelMirror // of those in quarantine: which log brought them first
}

// modelMirror is another node's log and how far the store has it.
type modelMirror struct {
	log                  *otherLog
	ids                  []uint64
	held, settled        uint64
	quarantined, missing uint64
}

const modelClaims = 60

// modelMade are the claims of the model, by id from 1.
var modelMade = sync.OnceValue(func() (claims [modelClaims + 1]*protocol.Claim) {
	for id := range claims {
		claim, err := protocol.ParseClaim(made{id: uint64(id), subject: id % 3, domain: "model.example"}.document())
		if err != nil {
			panic(err)
		}
		claims[id] = claim
	}
	return claims
})

func modelClaim(id uint64) *protocol.Claim { return modelMade()[id] }

func (m *logModel) open(t *rapid.T) {
	own, err := translog.NewSigner(home.String(), nodeKey(home.Domain))
	if err != nil {
		t.Fatal(err)
	}
	m.store, err = store.Open(m.dir, store.Options{
		MergeClaims: 16, Now: func() time.Time { return m.now }, Log: &store.LogOptions{Origin: home, Signer: own},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (m *logModel) place(id uint64, origin string, index uint64) {
	if m.places[id] == nil {
		m.places[id] = make(map[string]uint64)
	}
	if _, there := m.places[id][origin]; !there {
		m.places[id][origin] = index
	}
}

func (m *logModel) append(t *rapid.T) {
	m.now = m.now.Add(time.Second)
	ids := rapid.SliceOfN(rapid.Uint64Range(1, modelClaims), 1, 12).Draw(t, "ids")
	batch := make([]store.ClaimToAppend, len(ids))
	for i, id := range ids {
		batch[i].Claim = modelClaim(id)
	}
	appended, err := m.store.AppendClaims(context.Background(), batch)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range appended {
		id := ids[i]
		if m.states[id] == store.Erased {
			var erased *store.ErasedError
			if !errors.As(a.Err, &erased) || a.Receipt != nil {
				t.Fatalf("an erased claim is answered %+v", a)
			}
			continue
		}
		index := slices.Index(m.own, id)
		if duplicate := index >= 0; duplicate != a.Duplicate || a.Err != nil {
			t.Fatalf("claim %d, in the own log at %d: %+v", id, index, a)
		}
		if index < 0 {
			index = len(m.own)
			m.own = append(m.own, id)
			m.place(id, home.String(), uint64(index))
			m.hold(id)
		}
		if a.Index != uint64(index) || a.Receipt == nil || a.Receipt.Index != a.Index {
			t.Fatalf("claim %d must be at %d: %+v", id, index, a)
		}
	}
}

// hold makes a claim one that is served, and no more in quarantine.
func (m *logModel) hold(id uint64) {
	if m.states[id] == store.Quarantined {
		m.dismiss(id)
	}
	m.states[id] = store.Held
}

// dismiss takes a claim out of quarantine, where it counted for the log that brought it first.
func (m *logModel) dismiss(id uint64) {
	m.first[id].quarantined--
	delete(m.first, id)
}

func (m *logModel) extend(t *rapid.T) {
	o := rapid.SampledFrom(m.others).Draw(t, "mirror")
	for _, id := range rapid.SliceOfN(rapid.Uint64Range(1, modelClaims), 1, 40).Draw(t, "ids") {
		o.log.add(modelClaim(id))
		o.ids = append(o.ids, id)
	}
	c, err := translog.SignCheckpoint(mustSigner(o.log.origin), o.log.tree.Size(), o.log.tree.Root())
	if err != nil {
		t.Fatal(err)
	}
	if err := m.store.AppendEntries(context.Background(), o.log.name(), o.held, o.log.entries[o.held:], c.Root, &c); err != nil {
		t.Fatal(err)
	}
	o.held = uint64(len(o.ids))
}

func (m *logModel) settle(t *rapid.T) {
	o := rapid.SampledFrom(m.others).Draw(t, "mirror")
	n := min(o.held-o.settled, uint64(rapid.IntRange(0, 20).Draw(t, "how many")))
	var outcomes []store.Outcome
	for i := o.settled; i < o.settled+n; i++ {
		id, state := o.ids[i], rapid.SampledFrom([]store.BodyState{
			store.Held, store.Held, store.Held, store.Quarantined, store.Missing, store.Refused,
		}).Draw(t, "state")
		outcome := store.Outcome{Index: i, State: state}
		if state == store.Held || state == store.Quarantined {
			outcome.Record = modelClaim(id)
		}
		outcomes = append(outcomes, outcome)
		m.settleOne(o, i, id, state)
	}
	if err := m.store.Settle(context.Background(), o.log.name(), o.settled, outcomes); err != nil {
		t.Fatal(err)
	}
	o.settled += n
}

func (m *logModel) settleOne(o *modelMirror, i, id uint64, state store.BodyState) {
	switch state {
	case store.Missing:
		o.missing++
	case store.Held:
		m.place(id, o.log.name(), i)
		if m.states[id] != store.Erased {
			m.hold(id)
		}
	case store.Quarantined:
		m.place(id, o.log.name(), i)
		if m.states[id] == store.Unknown {
			m.states[id] = store.Quarantined
			m.first[id] = o
			o.quarantined++
		}
	}
}

// in draws a claim that is in that state, 0 when none is.
func (m *logModel) in(t *rapid.T, state store.BodyState) uint64 {
	var ids []uint64
	for id := range uint64(modelClaims + 1) {
		if m.states[id] == state && id > 0 {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return 0
	}
	return rapid.SampledFrom(ids).Draw(t, "claim")
}

func (m *logModel) release(t *rapid.T) {
	if id := m.in(t, store.Quarantined); id > 0 {
		m.hold(id)
		if err := m.store.Release(context.Background(), modelClaim(id).RecordHash(), "", store.Provenance{Quorum: []string{"a.example"}}); err != nil {
			t.Fatal(err)
		}
	}
}

func (m *logModel) reject(t *rapid.T) {
	if id := m.in(t, store.Quarantined); id > 0 {
		m.dismiss(id)
		m.states[id] = store.Unknown
		delete(m.places, id)
		if err := m.store.Reject(context.Background(), modelClaim(id).RecordHash(), protocol.KeyNotFound, "no key"); err != nil {
			t.Fatal(err)
		}
	}
}

func (m *logModel) erase(t *rapid.T) {
	if id := m.in(t, store.Held); id > 0 {
		m.states[id] = store.Erased
		if err := m.store.EraseMirrored(context.Background(), modelClaim(id).RecordHash(), "because"); err != nil {
			t.Fatal(err)
		}
	}
}

func (m *logModel) reopen(t *rapid.T) {
	if err := m.store.Close(); err != nil {
		t.Fatal(err)
	}
	m.open(t)
}

// check compares all that can be seen.
func (m *logModel) check(t *rapid.T) {
	var hashes [][32]byte
	for id := uint64(1); id <= modelClaims; id++ {
		hashes = append(hashes, modelClaim(id).RecordHash())
	}
	have, err := m.store.Have(context.Background(), hashes)
	if err != nil {
		t.Fatal(err)
	}
	served := uint64(0)
	for i, hash := range hashes {
		id := uint64(i + 1)
		if have[i] != m.states[id] {
			t.Fatalf("claim %d is %d, want %d", id, have[i], m.states[id])
		}
		if m.states[id] == store.Held {
			served++
			m.checkPlaces(t, id, hash)
		}
	}
	if stats := m.store.Stats(); stats.Claims != served {
		t.Fatalf("%d claims are served, %d counted", served, stats.Claims)
	}
	if head, _ := m.store.Own(); head.Size != uint64(len(m.own)) || head.Checkpoint.Size != head.Size {
		t.Fatalf("own log: %+v, want %d entries", head, len(m.own))
	}
	for _, o := range m.others {
		head, _ := m.store.Head(o.log.name())
		if head.Size != o.held || head.Settled != o.settled || head.Quarantined != o.quarantined || head.Missing != o.missing ||
			head.Root != o.log.tree.Root() {
			t.Fatalf("%+v, want %d entries, %d settled, %d in quarantine, %d missing", head, o.held, o.settled, o.quarantined, o.missing)
		}
	}
}

func (m *logModel) checkPlaces(t *rapid.T, id uint64, hash [32]byte) {
	record, err := m.store.Record(context.Background(), hash)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]uint64)
	for _, p := range record.Places {
		got[p.Origin] = p.Index
	}
	want := m.places[id]
	if !maps.Equal(got, want) || len(record.Places) != len(want) {
		t.Fatalf("claim %d is at %v, want %v", id, record.Places, want)
	}
	if id%8 != uint64(len(m.own))%8 { // a receipt costs more than all else: each in its turn
		return
	}
	_, inOwn := want[home.String()]
	receipt, err := m.store.Receipt(context.Background(), hash)
	switch {
	case inOwn && err == nil && receipt.Index == want[home.String()]:
		if _, _, err := receipt.Verify(mustVerifier(home)); err != nil {
			t.Fatal(err)
		}
	case inOwn || !errors.Is(err, store.ErrNotFound):
		t.Fatalf("claim %d (in the own log: %v): receipt %+v, %v", id, inOwn, receipt, err)
	}
}

// TestLogsAreLikeLists compares random histories of an own log and two mirrors with lists.
func TestLogsAreLikeLists(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "store-model")
		if err != nil {
			t.Fatal(err)
		}
		m := &logModel{
			dir: dir, now: noon, states: make(map[uint64]store.BodyState), places: make(map[uint64]map[string]uint64), first: make(map[uint64]*modelMirror),
		}
		m.open(t)
		defer func() {
			if err := errors.Join(m.store.Close(), os.RemoveAll(dir)); err != nil {
				t.Error(err)
			}
		}()
		for i := range 2 {
			o := &modelMirror{log: newOtherLog(fmt.Sprintf("other%d.example", i))}
			if err := m.store.OpenMirror(context.Background(), o.log.origin); err != nil {
				t.Fatal(err)
			}
			m.others = append(m.others, o)
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": m.append, "extend": m.extend, "settle": m.settle, "settle more": m.settle, "release": m.release, "reject": m.reject,
			"erase": m.erase, "reopen": m.reopen, "": m.check,
		})
	})
}
