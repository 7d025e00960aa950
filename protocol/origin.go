package protocol

import (
	"crypto/sha256"
	"strconv"
	"strings"
)

// MaxEpoch bounds the epochs of an origin: a log that was frozen starts again with the next one.
const MaxEpoch = 1_000_000

// Origin names the log of a node. It is the first line of the log's checkpoints (C2SP tlog-checkpoint).
type Origin struct {
	Domain  string // of the node, in lower case
	Network Network
	Epoch   int // from 1 to MaxEpoch
}

// String returns the log's name: the domain, a slash, and "mir", "mir-staging" or "mir-dev"; from epoch 2 on
// another slash and the epoch.
func (o Origin) String() string {
	name := o.Domain + "/" + o.Network.logName()
	if o.Epoch > 1 {
		name += "/" + strconv.Itoa(o.Epoch)
	}
	return name
}

// Hash returns the SHA-256 of the name. Hints and the paths of mirrors name a log by it.
func (o Origin) Hash() [32]byte { return sha256.Sum256([]byte(o.String())) }

// ParseOrigin reads a log's name, in the one spelling that [Origin.String] gives it. The error is an [*Error]
// with [InvalidSchema].
func ParseOrigin(s string) (Origin, error) {
	const hint = "an origin is a domain in lower case, a slash, and mir, mir-staging or mir-dev, such as node1.example.com/mir; " +
		"from the second epoch on followed by a slash and the epoch"
	domain, rest, ok := strings.Cut(s, "/")
	if !ok || !validLowerDomain(domain) {
		return Origin{}, refuse(InvalidSchema, hint, "the origin %s does not start with a domain in lower case and a slash", quote(s))
	}
	name, number, later := strings.Cut(rest, "/")
	o := Origin{Domain: domain, Epoch: 1}
	for _, n := range [...]Network{Production, Staging, Development} {
		if n.logName() == name {
			o.Network = n
		}
	}
	if o.Network == "" {
		return Origin{}, refuse(InvalidSchema, hint, "the origin %s is of no known network", quote(s))
	}
	if later {
		epoch, err := strconv.Atoi(number)
		if err != nil || epoch < 2 || epoch > MaxEpoch {
			return Origin{}, refuse(InvalidSchema, hint, "the origin %s has an epoch that is no number from 2 to %d", quote(s), MaxEpoch)
		}
		o.Epoch = epoch
	}
	if o.String() != s { // a plus sign or leading zeros before the epoch
		return Origin{}, refuse(InvalidSchema, hint, "the origin %s is another spelling of %s", quote(s), o)
	}
	return o, nil
}
