package mirror

import "time"

// Bounds of what is taken from a peer. They hold for every peer, and are far above what an honest one sends.
const (
	// MaxPullEntries is the most entries that one Pull takes.
	MaxPullEntries = 16_384
	// rangeEntries is the most entries that are asked for at once, which is also the most that a server gives.
	rangeEntries = 4_096
	// maxRanges is how many answers of entries one Pull takes: a peer that gives fewer than it could is asked on at the next one.
	maxRanges = 32
	// maxRangeBytes bounds an answer of entries: each line of at most 192 bytes and its newline.
	maxRangeBytes = rangeEntries * 193
	// batchBodies is how many bodies are asked for, verified and settled together.
	batchBodies = 512
	// bodiesAhead is how many such batches are under way at once in one Pull, so that a far peer's round trips overlap; of those beyond the
	// first of each Pull there are at most extraBatches. A batch takes about 1 MB, and 30 MB when all its records are as large as may be.
	bodiesAhead  = 4
	extraBatches = 12
	// maxVerifying is how many batches are verified at once, one of each Pull at most: a flood of made-up domains in the logs of peers must
	// not take all of discovery's look-ups from our own clients.
	maxVerifying = 8
	// maxBodiesBytes bounds an answer of bodies: a server ends it past 8 MiB, after the line that crossed that.
	maxBodiesBytes = 8<<20 + maxBodyLine
	// maxBodyLine bounds one body as a line of JSON: 16 KiB, of which each byte takes six at worst, and the hash and kind.
	maxBodyLine = 6*16<<10 + 512
	// maxHeads is the most heads of one answer, and maxHeadPages the most answers of one call.
	maxHeads      = 256
	maxHeadPages  = 4
	maxHeadsBytes = 2 << 20
	// maxForks is the most fork proofs that are looked at in one answer.
	maxForks      = 64
	maxForksBytes = 4 << 20
	// maxSources is the most further peers that are asked for bodies that one did not have, in one go.
	maxSources = 3
	// maxCursor bounds a peer's cursor, which we keep and send back.
	maxCursor = 256
	// retryPatience is how many times as long as in a Pull a domain may take to answer a Retry.
	retryPatience = 5
)

// Defaults of Limits, and of Options.Quorum.
const (
	DefaultQuorum            = 2
	DefaultCallTimeout       = 20 * time.Second
	DefaultVerifyTimeout     = 2 * time.Second
	DefaultAhead             = 5 * time.Minute
	DefaultEntriesPerSecond  = 20_000
	DefaultEntriesPerDay     = 10_000_000
	DefaultFreshTimeout      = 2 * time.Second
	DefaultConfirmPatience   = 10 * time.Second
	DefaultCollectEvery      = 5 * time.Second
	DefaultQuarantineBackoff = 10 * time.Second
	DefaultMissingBackoff    = 5 * time.Second
)

// Limits tune a Mirror. Each zero field takes its default.
type Limits struct {
	// CallTimeout bounds one request to a peer, its whole answer included: a drip of bytes ends there.
	CallTimeout time.Duration
	// VerifyTimeout bounds the verification of one batch, whose domains may not answer: the records of domains that do answer wait so long
	// at worst. What has no verdict by then is quarantined, and tried again ten seconds later, with five times as long to answer.
	VerifyTimeout time.Duration
	// Ahead is how far in our future an entry's ingestedAt may lie.
	Ahead time.Duration
	// EntriesPerSecond and EntriesPerDay are what is taken of one domain's logs together, so that a flood slows that domain alone. A record that is
	// refused costs as much as eight.
	EntriesPerSecond, EntriesPerDay int
	// FreshTimeout bounds Fresh.
	FreshTimeout time.Duration
	// ConfirmPatience is how long Confirm waits for the slower peers when too few have answered.
	ConfirmPatience time.Duration
	// CollectEvery is the least time between two rounds of collecting cosignatures.
	CollectEvery time.Duration
	// QuarantineBackoff is the wait before the first new try of a record in quarantine; it doubles, up to six hours.
	QuarantineBackoff time.Duration
	// MissingBackoff is the wait before a missing body is asked for again; it triples, up to a day.
	MissingBackoff time.Duration
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		value *time.Duration
		std   time.Duration
	}{
		{&l.CallTimeout, DefaultCallTimeout}, {&l.VerifyTimeout, DefaultVerifyTimeout}, {&l.Ahead, DefaultAhead},
		{&l.FreshTimeout, DefaultFreshTimeout}, {&l.ConfirmPatience, DefaultConfirmPatience}, {&l.CollectEvery, DefaultCollectEvery},
		{&l.QuarantineBackoff, DefaultQuarantineBackoff}, {&l.MissingBackoff, DefaultMissingBackoff},
	} {
		if *d.value <= 0 {
			*d.value = d.std
		}
	}
	if l.EntriesPerSecond <= 0 {
		l.EntriesPerSecond = DefaultEntriesPerSecond
	}
	if l.EntriesPerDay <= 0 {
		l.EntriesPerDay = DefaultEntriesPerDay
	}
	return l
}
