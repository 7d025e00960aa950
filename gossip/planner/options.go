package planner

import "time"

// Options sets how eager a planner is. The zero value of a field means its default.
type Options struct {
	PollEvery       time.Duration // how often a peer of the polled ones is polled; default 10 s
	PollPeers       int           // how many peers are polled in turn (all, where there are no more); default 3
	Fanout          int           // peers told over HTTP when our own log grew; default 8
	RelayFanout     int           // peers told over HTTP when a mirror grew, of those not known to hold it; default 5
	Neighbours      int           // peers that are told and preferred: half of them the nearest, half by chance; default 8
	TellPause       time.Duration // between two Tells to one peer: hints gather meanwhile; default 10 ms
	HoldOff         time.Duration // the longest wait for a nearer source when only distant ones are known; default 120 ms
	Near            time.Duration // a pull that will take no longer than this, or than one from a near neighbour, is not held off; default 150 ms
	PullPause       time.Duration // between two pulls of one origin that keeps growing: entries gather meanwhile; default 20 ms
	MaxPulls        int           // pulls in flight; default 32
	MaxPullsPerPeer int           // pulls in flight from one peer; default 8
	BackoffFirst    time.Duration // pause after a peer's first failure; doubles with each; default 1 s
	BackoffMax      time.Duration // the longest pause; default 30 s
	QuickPull       time.Duration // who answered its last pull so fast may have the last quarter of MaxPulls too; default 2 s
	LookPause       time.Duration // between looks at a log of which hints spoke falsely of late; grows to LookPauseMax; default 250 ms
	LookPauseMax    time.Duration // the longest; default 1 s
	DistrustFirst   time.Duration // how long who proved a liar is not listened to; doubles with each lie; default 2 s
	DistrustMax     time.Duration // the longest; default 10 min
}

func (o Options) withDefaults() Options {
	o.PollEvery = or(o.PollEvery, 10*time.Second)
	o.PollPeers = or(o.PollPeers, 3)
	o.Fanout = or(o.Fanout, 8)
	o.RelayFanout = or(o.RelayFanout, 5)
	o.Neighbours = or(o.Neighbours, 8)
	o.TellPause = or(o.TellPause, 10*time.Millisecond)
	o.HoldOff = or(o.HoldOff, 120*time.Millisecond)
	o.Near = or(o.Near, 150*time.Millisecond)
	o.PullPause = or(o.PullPause, 20*time.Millisecond)
	o.MaxPulls = or(o.MaxPulls, 32)
	o.MaxPullsPerPeer = or(o.MaxPullsPerPeer, 8)
	o.BackoffFirst = or(o.BackoffFirst, time.Second)
	o.BackoffMax = or(o.BackoffMax, 30*time.Second)
	o.QuickPull = or(o.QuickPull, 2*time.Second)
	o.LookPause = or(o.LookPause, 250*time.Millisecond)
	o.LookPauseMax = or(o.LookPauseMax, time.Second)
	o.DistrustFirst = or(o.DistrustFirst, 2*time.Second)
	o.DistrustMax = or(o.DistrustMax, 10*time.Minute)
	return o
}

func or[T int | time.Duration](value, otherwise T) T {
	if value <= 0 {
		return otherwise
	}
	return value
}
