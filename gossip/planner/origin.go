package planner

import "time"

const (
	nobody     = int32(-1)
	maxHolders = 6 // peers remembered as holding more than others of one origin
	maxTries   = 4 // looks at different nodes for something that only hints speak of
)

// origin is what the planner knows of a log. A planner of a large network has thousands, so it is small.
type origin struct {
	id        OriginID
	have      uint64 // entries that we hold
	from      uint64 // entries that we held when the pull in flight began
	headSize  uint64 // of the head that we hold, and tell: at most have
	announced uint64 // the newest size that was told
	verified  uint64 // the largest size that a poll showed, by a signed checkpoint
	rumoured  uint64 // the largest size that a nameless hint spoke of
	sizes     [maxHolders]uint64
	holders   [maxHolders]int32 // who told us that they hold so much, or gave it to us; nobody: free
	owner     int32             // the peer whose log it is; nobody: not admitted, or our own
	source    int32             // of the pull in flight
	puller    int32             // whose turn it is: the owner when the pull began
	site      string            // of its source
	guessed   int32             // the neighbour that was asked last on the chance that it holds more
	root      [4]byte           // at headSize
	tries     uint8             // failed looks in a row
	guesses   uint8             // neighbours asked so, for one growth
	doubts    uint8             // looks in a row that found less than hints spoke of
	twice     uint8             // looks in a row at another root that a hint spoke of
	heard     uint8             // bit n: of holders[n] only hints say so, which prove nothing
	own       bool
	frozen    bool
	pulling   bool
	queued    bool          // lies in ready
	growing   bool          // lies in grown
	due       time.Duration // when a pull is to be considered; 0: no pull is wanted
	began     time.Duration // when the pull in flight began
	notBefore time.Duration // no pull before: pause, or retry
	spreadAt  time.Duration // when our own growth is told once more, because a Tell failed; 0: no need
	lookAt    time.Duration // while hints are in doubt: what only they speak of is not looked at before
	twiceAt   time.Duration // another root, from a name: not looked at before
	rumourAt  time.Duration // and from nobody
}

// origin gives the place of a log, a new one if there is room.
func (p *Planner) origin(id OriginID) (int32, bool) {
	if o, known := p.originIndex[id]; known {
		return o, true
	}
	fresh := origin{id: id, owner: nobody, source: nobody, puller: nobody, guessed: nobody}
	for i := range fresh.holders {
		fresh.holders[i] = nobody
	}
	o := int32(len(p.origins))
	if len(p.origins) < MaxOrigins {
		p.origins = append(p.origins, fresh)
	} else {
		if o = p.idleOrigin(); o == nobody {
			return nobody, false
		}
		delete(p.originIndex, p.origins[o].id)
		p.origins[o] = fresh
	}
	p.originIndex[id] = o
	return o, true
}

// idleOrigin finds a log that no admitted peer owns any more. It goes on where it ended last, and when there is none it is not asked again
// before a peer is forgotten.
func (p *Planner) idleOrigin() int32 {
	for range p.origins {
		if p.crowded {
			break
		}
		i := p.idle
		p.idle = (p.idle + 1) % len(p.origins)
		if o := &p.origins[i]; !o.own && o.owner == nobody && !o.pulling && !o.queued && !o.growing {
			return int32(i)
		}
	}
	p.crowded = true
	return nobody
}

// hold notes that a peer showed us that it holds so many entries.
func (o *origin) hold(peer int32, size uint64) { o.note(peer, size, 0) }

// hear notes that a hint in a peer's name says that it holds so many.
func (o *origin) hear(peer int32, size uint64) { o.note(peer, size, 1) }

// note is hold and hear. When the places are full, the smallest gives way.
func (o *origin) note(peer int32, size uint64, heard uint8) {
	place, smallest := -1, uint64(0)
	for i, holder := range o.holders {
		if holder == peer {
			if size > o.sizes[i] || size == o.sizes[i] && heard == 0 {
				o.set(i, peer, size, heard)
			}
			return
		}
		if holder == nobody {
			if place < 0 || o.holders[place] != nobody {
				place, smallest = i, 0
			}
		} else if place < 0 || (o.holders[place] != nobody && o.sizes[i] < smallest) {
			place, smallest = i, o.sizes[i]
		}
	}
	if o.holders[place] == nobody || smallest < size {
		o.set(place, peer, size, heard)
	}
}

func (o *origin) set(place int, peer int32, size uint64, heard uint8) {
	o.holders[place], o.sizes[place] = peer, size
	o.heard = o.heard&^(1<<place) | heard<<place
}

// hearsay tells whether only hints say what a place says.
func (o *origin) hearsay(place int) bool { return o.heard&(1<<place) != 0 }

// shown is the largest size that was shown, by checkpoints or by whom we pulled from. Beyond it there is only what hints speak of.
func (o *origin) shown() uint64 {
	most := o.verified
	for i, holder := range o.holders {
		if holder != nobody && !o.hearsay(i) {
			most = max(most, o.sizes[i])
		}
	}
	return most
}

// doubted tells whether only hints that are in doubt speak of more than we hold.
func (o *origin) doubted() bool { return o.doubts > 0 && o.shown() <= o.have }

// knows tells whether a peer need not be told of what we hold.
func (o *origin) knows(peer int32) bool {
	for i, holder := range o.holders {
		if holder == peer {
			return o.sizes[i] >= o.have && (o.doubts == 0 || !o.hearsay(i))
		}
	}
	return o.have == 0
}

// dropGone forgets what peers hold that are no longer admitted.
func (o *origin) dropGone(peers []peer) {
	for i, holder := range o.holders {
		if holder != nobody && peers[holder].gone {
			o.holders[i], o.sizes[i] = nobody, 0
		}
	}
}

// drop forgets what a peer holds.
func (o *origin) drop(peer int32) {
	for i, holder := range o.holders {
		if holder == peer {
			o.holders[i], o.sizes[i] = nobody, 0
		}
	}
}

// holds tells how much a peer is known to hold.
func (o *origin) holds(peer int32) uint64 {
	for i, holder := range o.holders {
		if holder == peer {
			return o.sizes[i]
		}
	}
	return 0
}

// want is the largest size that anything speaks of.
func (o *origin) want() uint64 {
	most := max(o.verified, o.rumoured)
	for i, holder := range o.holders {
		if holder != nobody {
			most = max(most, o.sizes[i])
		}
	}
	return most
}

// head notes a head that we hold.
func (o *origin) head(size uint64, root [4]byte) {
	o.have = max(o.have, size)
	if size > o.headSize {
		o.twice = 0
	}
	if size >= o.headSize {
		o.headSize, o.root = size, root
	}
}

// Holds says what the store holds of a log at the start: nothing of it is told to anybody.
func (p *Planner) Holds(now time.Time, id OriginID, size uint64, root [4]byte, own bool) {
	p.at(now)
	if i, ok := p.origin(id); ok {
		o := &p.origins[i]
		o.own = o.own || own
		o.head(size, root)
		o.announced = max(o.announced, size)
	}
}

// Grew says that a log that we hold has grown, durably: our own (own), or a mirror. Hints of it go out.
func (p *Planner) Grew(now time.Time, id OriginID, size uint64, root [4]byte, own bool) {
	p.at(now)
	i, ok := p.origin(id)
	if !ok {
		return
	}
	o := &p.origins[i]
	o.own = o.own || own
	o.head(size, root)
	if size <= o.announced || o.frozen {
		return
	}
	o.announced = size
	if !o.growing {
		o.growing = true
		p.grown = append(p.grown, i)
	}
	if own {
		p.spread(i, p.o.Fanout)
	} else {
		p.spread(i, p.o.RelayFanout)
	}
}

// Freeze says that a log is frozen (a fork was proved), or that it is so no longer: a frozen log is neither pulled nor told.
func (p *Planner) Freeze(now time.Time, id OriginID, frozen bool) {
	p.at(now)
	if i, ok := p.origin(id); ok {
		p.origins[i].frozen = frozen
		p.consider(i)
	}
}

// OriginStatus is what the planner makes of a log.
type OriginStatus struct {
	Have     uint64 // entries that we hold
	Verified uint64 // the largest size that a poll showed by a signed checkpoint
	Want     uint64 // the largest size that anything speaks of
	Pulling  bool
	Frozen   bool
}

// Origin tells about a log.
func (p *Planner) Origin(id OriginID) (OriginStatus, bool) {
	i, known := p.originIndex[id]
	if !known {
		return OriginStatus{}, false
	}
	o := &p.origins[i]
	return OriginStatus{Have: o.have, Verified: o.verified, Want: max(o.want(), o.have), Pulling: o.pulling, Frozen: o.frozen}, true
}
