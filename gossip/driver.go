package gossip

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"time"

	"mirnode/gossip/peers"
	"mirnode/gossip/planner"
	"mirnode/store"
)

const (
	// taskBuffer is the results of actions that may wait for the planner's goroutine without their workers waiting too.
	taskBuffer = 64
	// headsAtOnce bounds what one look at the store's heads takes in.
	headsAtOnce = 256
	// lagEvery is how often it is noted which mirrors are behind.
	lagEvery = time.Second
	// plannerSpace is where the planner's memory of failures lies in State, under plannerKey.
	plannerSpace, plannerKey = "gossip", "backoff"
	// exportEvery is how often it is kept.
	exportEvery = 30 * time.Second
)

// driver drives the planner. All of it is owned by one goroutine.
type driver struct {
	f       *Federation
	planner *planner.Planner
	version uint64                         // the store's heads are known up to it
	frozen  map[planner.OriginID]bool      // as the planner was told
	behind  map[planner.OriginID]time.Time // since when a mirror has been behind
	kept    string                         // what State has of the planner
}

func (f *Federation) newDriver() *driver {
	d := &driver{
		f: f, frozen: make(map[planner.OriginID]bool), behind: make(map[planner.OriginID]time.Time),
		planner: planner.New(planner.PeerID(f.o.Origin.Domain), f.o.Planner, rand.New(rand.NewPCG(f.o.Seed, 2))), //nolint:gosec // chance, not secrets
	}
	for _, h := range d.changedHeads() {
		if whole(h) {
			d.planner.Holds(d.now(), planner.OriginID(h.Hash), headSize(h), rootStart(h), h.Own)
		}
		d.freeze(h)
	}
	d.setPeers()
	d.restore()
	return d
}

func (d *driver) now() time.Time { return d.f.o.Now() }

// run drives the planner until ctx ends. What it hands out runs in ctx too.
func (d *driver) run(ctx context.Context) {
	defer close(d.f.stopped)
	timer := time.NewTimer(0)
	defer timer.Stop()
	lag, export := time.NewTicker(lagEvery), time.NewTicker(exportEvery)
	defer lag.Stop()
	defer export.Stop()
	for {
		select {
		case <-ctx.Done():
			d.export(context.WithoutCancel(ctx))
			return
		case task := <-d.f.tasks:
			task(d)
		case <-d.f.intake.wake:
			d.hear()
		case <-d.f.o.Store.HeadsChanged():
			d.grew()
		case <-d.f.peersChanged:
			d.setPeers()
		case <-lag.C:
			d.noteLag()
			continue
		case <-export.C:
			d.export(ctx)
			continue
		case <-timer.C:
		}
		actions, wake := d.planner.Next(d.now())
		for _, a := range actions {
			d.f.start(ctx, a)
		}
		timer.Reset(wake.Sub(d.now()))
	}
}

// do has a task run by the planner's goroutine. It waits for a place in the queue, and is dropped when ctx or that goroutine ends.
func (f *Federation) do(ctx context.Context, task func(*driver)) {
	select {
	case f.tasks <- task:
	case <-ctx.Done():
	case <-f.stopped:
	}
}

func (d *driver) hear() {
	hints, times := d.f.intake.take()
	now := d.now()
	for from, list := range hints {
		for len(list) > 0 {
			n := min(len(list), planner.MaxHints)
			d.planner.Hinted(now, from, list[:n])
			list = list[n:]
		}
	}
	for peer, took := range times {
		d.planner.Measured(now, peer, took)
	}
}

// changedHeads are the heads that changed since the last call.
func (d *driver) changedHeads() (all []store.Head) {
	for {
		heads, next := d.f.o.Store.Heads(d.version, headsAtOnce)
		all = append(all, heads...)
		d.version = next
		if len(heads) < headsAtOnce {
			return all
		}
	}
}

func (d *driver) grew() {
	for _, h := range d.changedHeads() {
		if whole(h) {
			d.planner.Grew(d.now(), planner.OriginID(h.Hash), headSize(h), rootStart(h), h.Own)
		}
		d.freeze(h)
	}
}

func (d *driver) freeze(h store.Head) {
	id := planner.OriginID(h.Hash)
	if h.Frozen == d.frozen[id] {
		return
	}
	d.planner.Freeze(d.now(), id, h.Frozen)
	if h.Frozen {
		d.frozen[id] = true
	} else {
		delete(d.frozen, id)
	}
}

// whole tells whether the bodies below a head were seen to: else whoever is told of it would find entries alone, and so would we
// believe that there is nothing left to pull.
func whole(h store.Head) bool { return h.Own || h.Settled >= headSize(h) }

// headSize is the size that we can show a signed head for, which is what others are told.
func headSize(h store.Head) uint64 { return h.Checkpoint.Size }

// rootStart is the first bytes of the root at headSize.
func rootStart(h store.Head) [4]byte { return [4]byte(h.Checkpoint.Root[:4]) }

func (d *driver) setPeers() {
	list := d.f.book.Admitted()
	infos := make([]planner.PeerInfo, len(list))
	for i, p := range list {
		infos[i].ID, infos[i].Site = planner.PeerID(p.Domain), peers.Site(p.Domain)
		for _, o := range d.f.book.Origins(p.Domain) {
			infos[i].Origins = append(infos[i].Origins, o.Hash())
		}
	}
	d.planner.SetPeers(d.now(), infos)
	for _, list := range infos {
		for _, id := range list.Origins {
			if d.frozen[id] {
				d.planner.Freeze(d.now(), id, true) // the planner may have forgotten the log meanwhile
			}
		}
	}
}

// noteLag keeps since when each mirror has been behind what was heard of.
func (d *driver) noteLag() {
	now := d.now()
	for _, p := range d.f.book.Admitted() {
		id := planner.OriginID(p.Origin.Hash())
		s, ok := d.planner.Origin(id)
		if !ok || s.Verified <= s.Have {
			delete(d.behind, id)
		} else if d.behind[id].IsZero() {
			d.behind[id] = now
		}
	}
}

// restore takes up which peers were left alone.
func (d *driver) restore() {
	kept, err := d.f.o.Store.State(plannerSpace)
	if err != nil {
		d.f.log.Warn("which peers were left alone is not known", "error", err)
		return
	}
	var states []planner.PeerState
	if err := json.Unmarshal(kept[plannerKey], &states); err == nil {
		d.planner.Import(d.now(), states)
		d.kept = string(kept[plannerKey])
	}
}

// export keeps which peers are left alone.
func (d *driver) export(ctx context.Context) {
	value, err := json.Marshal(d.planner.Export())
	if err != nil || string(value) == d.kept {
		return
	}
	if err := d.f.o.Store.PutState(ctx, plannerSpace, plannerKey, value); err != nil {
		d.f.log.Warn("which peers are left alone cannot be kept", "error", err)
		return
	}
	d.kept = string(value)
}
