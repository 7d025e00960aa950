package bench

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"mirnode/protocol"
)

// Of ten artifacts seven have one assertion, two have two, and one has three: so fourteen assertions are about ten artifacts.
const (
	blockArtifacts  = 10
	blockAssertions = 14

	revokedEvery = 100 // one assertion in so many is revoked
	editedEvery  = 20  // and one in so many has its metadata edited
)

// assertionCorpus makes assertions as they come in real life: organisations with a key each, most files with one assertion, some that others
// speak about too. Assertion i is the same in every run. Safe for concurrent use.
type assertionCorpus struct {
	count   int
	stride  int // coprime to count: assertions about one artifact do not lie side by side in the log
	node    ed25519.PrivateKey
	start   time.Time
	issuers []corpusIssuer
}

type corpusIssuer struct {
	record *protocol.Issuer
	key    ed25519.PrivateKey
}

func newAssertionCorpus(count, issuers int) (*assertionCorpus, error) {
	c := &assertionCorpus{count: count, stride: coprime(count), node: nodeKey(), start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	for i := range issuers {
		seed := sha256.Sum256(fmt.Appendf(nil, "mirnode benchmark issuer %d", i))
		private := ed25519.NewKeyFromSeed(seed[:])
		key, err := protocol.NewIssuerKey(protocol.Ed25519, private.Public().(ed25519.PublicKey))
		if err != nil {
			return nil, err
		}
		key.Created = c.start
		record, err := protocol.IssuerDraft{
			Home: benchOrigin().Domain, Network: protocol.Development, Nonce: hex.EncodeToString(seed[:16]), Name: fmt.Sprintf("The newsroom of city %d", i),
			Status: protocol.IssuerVerified, VerifiedBy: protocol.ByActivity, VerifiedAt: c.start, Keys: []protocol.IssuerKey{key}, Sequence: 1, Issued: c.start,
		}.Sign(c.node)
		if err != nil {
			return nil, err
		}
		c.issuers = append(c.issuers, corpusIssuer{record, private})
	}
	return c, nil
}

// coprime gives a stride over some part of count from which all numbers below count are reached.
func coprime(count int) int {
	stride := int(float64(count)*0.6180339887) | 1
	for divisor(stride, count) != 1 {
		stride += 2
	}
	return stride
}

// divisor is the greatest that a and b have in common.
func divisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// artifacts is how many artifacts the assertions are about.
func (c *assertionCorpus) artifacts() int {
	whole, rest := c.count/blockAssertions*blockArtifacts, c.count%blockAssertions
	if rest == 0 {
		return whole
	}
	artifact, _ := place(rest - 1)
	return whole + artifact + 1
}

// place tells which artifact of its block the i-th assertion of a block is about, and which of that artifact's it is.
func place(i int) (artifact, nth int) {
	switch {
	case i < 7:
		return i, 0
	case i < 11:
		return 7 + (i-7)/2, (i - 7) % 2
	}
	return 9, i - 11
}

// artifact is the hash of artifact a.
func artifact(a int) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "mirnode benchmark artifact %d", a))
}

// typesOf are what the first, second and third assertion about an artifact may be.
var typesOf = [...][]protocol.AssertionType{
	{protocol.IssuedBy, protocol.IssuedBy, protocol.IssuedBy, protocol.Method, protocol.Intent},
	{protocol.NotIssuedBy, protocol.Dispute, protocol.LicensedTo},
	{protocol.RoleScope, protocol.TransformedBy},
}

// payload says what the n-th assertion of the log says, and whose it is.
func (c *assertionCorpus) payload(n int) (protocol.AssertionPayload, *corpusIssuer) {
	i := n * c.stride % c.count
	at, nth := place(i % blockAssertions)
	about := i/blockAssertions*blockArtifacts + at
	issuer := &c.issuers[(spread(about, "issuer")+uint64(nth)*7)%uint64(len(c.issuers))]
	types := typesOf[nth]
	return protocol.AssertionPayload{
		Artifact: artifact(about), Type: types[spread(about, "type")%uint64(len(types))], IssuerID: issuer.record.ID,
		Timestamp: c.time(n).Format(time.RFC3339Nano),
	}, issuer
}

// time is when the n-th assertion was made: one a second.
func (c *assertionCorpus) time(n int) time.Time { return c.start.Add(time.Duration(n) * time.Second) }

// metadata are those that most tools send: what a file tells, and its label.
func metadata(n int, label string) *protocol.AssertionMetadata {
	size := spread(n, "size") % (64 << 20)
	name := fmt.Sprintf("IMG_%05d.jpg", n%100_000)
	return &protocol.AssertionMetadata{
		DisplayName: label, OriginalFilename: name, ArtifactMimeType: "image/jpeg", ArtifactByteSize: &size, Tags: []string{"press-release", "official"},
	}
}

// assertion makes and signs the n-th assertion of the log.
func (c *assertionCorpus) assertion(n int) (*protocol.Assertion, error) {
	payload, issuer := c.payload(n)
	signed := payload.Encode()
	return protocol.NewAssertion(signed, issuer.record.Keys[0].Fingerprint, ed25519.Sign(issuer.key, signed), metadata(n, fmt.Sprintf("Photo %d", n)))
}

// id is the n-th assertion's.
func (c *assertionCorpus) id(n int) string {
	payload, _ := c.payload(n)
	return protocol.AssertionID(sha256.Sum256(payload.Encode()))
}

// later gives what was said of the n-th assertion afterwards: a revocation, an edit of its metadata, or nil.
func (c *assertionCorpus) later(n int) (protocol.Record, error) {
	_, issuer := c.payload(n)
	switch {
	case n%revokedEvery == 7:
		payload := protocol.RevocationPayload{
			Action: protocol.ActionRevoke, AssertionID: c.id(n), IssuerID: issuer.record.ID, Timestamp: c.time(n + 60).Format(time.RFC3339Nano),
		}
		signed := payload.Encode()
		return record(protocol.NewRevocation(signed, issuer.record.Keys[0].Fingerprint, ed25519.Sign(issuer.key, signed)))
	case n%editedEvery == 3:
		return record(protocol.MetadataEditDraft{
			Home: benchOrigin().Domain, Network: protocol.Development, AssertionID: c.id(n), IssuerID: issuer.record.ID,
			Metadata: *metadata(n, fmt.Sprintf("Photo %d, cropped", n)), Sequence: 1, Issued: c.time(n + 90),
		}.Sign(c.node))
	}
	return nil, nil
}

// record keeps the nil of a record that was not made from becoming a Record that is not nil.
func record[R protocol.Record](made R, err error) (protocol.Record, error) {
	if err != nil {
		return nil, err
	}
	return made, nil
}
