// Package proof checks what a node answers about one assertion, without asking that node or any other.
//
// The answer of GET /assertions/{id} carries records and receipts. From the keys of one node, the issuer's home, this package finds out what of the answer is
// proved. It believes no member of the answer that does not follow from a record, and no record that is not signed by whom it must be:
//
//	the assertion's ID        SHA-256 of the payload that the issuer signed
//	the issuer's ID           SHA-256 of the home's domain and the record's nonce: no other node can have made it
//	the issuer's record       signed by the home's key
//	the signature             under a key of that record, which was valid when the home logged the assertion, by its clock
//	where                     receipts: inclusion proofs under checkpoints that the home's key signed, of a log of the network that is meant
//	the end, the successor    records of the same issuer, each signed and logged likewise
//	the unsigned metadata     as in the record, or as in an edit that the home signed
//
// What it cannot prove is that something is not there: that no revocation and no later record of the issuer came, that nobody else disputes. For that one asks a
// node, or several. Nor does it prove times: they are the home's word, and the log fixes the order alone. That others saw the log too, cosignatures show.
package proof

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"mirnode/protocol"
)

// MaxBundleBytes bounds an answer: five records of 16 KiB and five receipts of 32 KiB, and the assertion itself, with the escapes that JSON adds.
const MaxBundleBytes = 1 << 20

// Keys gives the keys of a node, past ones included: those that sign its log and its statements. The domain is in lower case. An error, such as that of a domain
// that does not answer, is passed on.
type Keys func(domain string) ([]ed25519.PublicKey, error)

// Of gives the keys of one node, and of every other none.
func Of(domain string, keys ...ed25519.PublicKey) Keys {
	return func(asked string) ([]ed25519.PublicKey, error) {
		if asked != domain {
			return nil, nil
		}
		return keys, nil
	}
}

// Verified is what an answer proves.
type Verified struct {
	Assertion *protocol.Assertion
	Issuer    *protocol.Issuer // the record that the answer carries; a later one may exist
	Key       *protocol.IssuerKey
	Logged    Logged // the assertion's own
	// Compromised tells that the issuer reported, in that record, that others may have had the key when the home took the assertion in: the signature is good, and
	// may be somebody else's.
	Compromised bool

	Revocation *protocol.Revocation // nil: the answer carries none
	Revoked    Logged
	Successor  *protocol.Assertion // nil: the answer carries none
	Succeeded  Logged
	// Metadata is what stands unsigned beside the assertion, edited or not; nil: nothing.
	Metadata *protocol.AssertionMetadata
	Edited   uint64 // the number of the edit that the metadata are of; 0: they are the record's own

	// Latest is the newest record that the node asked has of the issuer, signed by the home too; nil: none was asked, or it had none that counts.
	Latest *protocol.Issuer

	// Proved says in words what was proved, a sentence each, and Open what was not. Changed says what a later record of the issuer tells that matters here.
	Proved, Open, Changed []string
}

// Logged is where a record stands in the home's log.
type Logged struct {
	Origin string    // the log's name
	Index  uint64    // from 0
	Size   uint64    // of the tree that the receipt is of
	At     time.Time // when the home took the record in, as it says
}

// VerifyProof checks an answer of GET /assertions/{id}. The error is a *[protocol.Error] where the answer is wrong or does not prove itself, and says which part; any
// other error is that of keys.
func VerifyProof(bundle []byte, o Options) (*Verified, error) {
	b, err := parse(bundle)
	if err != nil {
		return nil, err
	}
	c := &check{bundle: b, options: o}
	if err := c.issuer(); err != nil {
		return nil, err
	}
	for _, step := range []func() error{c.assertion, c.revocation, c.successor, c.metadata, c.shown} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	c.leaveOpen(c.since())
	return &c.verified, nil
}

// leaveOpen says what no bundle proves, and what this one does not.
func (c *check) leaveOpen(newest string) {
	v := &c.verified
	if v.Compromised {
		key := v.Key
		if v.Latest != nil && key.CompromisedAt.IsZero() {
			key, _ = v.Latest.Key(key.Fingerprint)
		}
		c.open("that the issuer itself said it: the key was in wrong hands since %s, as the issuer reports, and this was signed with it later",
			key.CompromisedAt.Format(time.RFC3339))
	}
	if v.Revocation == nil {
		c.open("that the assertion is still active: a revocation may have come after this answer")
	}
	c.open("when: its home says that it took it in at %s; the log fixes the order, not the clock", v.Logged.At.Format(time.RFC3339))
	if v.Revocation != nil {
		c.open("when it was revoked: its home says at %s", v.Revoked.At.Format(time.RFC3339))
	}
	if len(c.options.Cosigners) == 0 {
		c.open("that anybody but the home saw this log: no cosignature was asked for (--cosigner)")
	}
	if origin, err := protocol.ParseOrigin(v.Logged.Origin); err == nil && origin.Epoch != c.epoch {
		c.open("that the log %s is the home's present one: it has the name of epoch %d, and epoch %d was expected", v.Logged.Origin, origin.Epoch, c.epoch)
	}
	c.open("%s", newest)
	c.open("that its unsigned metadata are still these: the home may have edited them since")
	c.open("that no other issuer disputes it: look the artifact up at a node that you trust")
	if v.Issuer.Status == protocol.IssuerVerified && v.Issuer.VerifiedBy == protocol.ByDomain {
		c.open("that the issuer holds %s: its home says so; the TXT record %s%s shows it", v.Issuer.Domain, protocol.VerifyLabel, v.Issuer.Domain)
	}
	c.open("that what the issuer says is true")
}

func (c *check) prove(format string, args ...any) {
	c.verified.Proved = append(c.verified.Proved, fmt.Sprintf(format, args...))
}

func (c *check) changed(format string, args ...any) {
	c.verified.Changed = append(c.verified.Changed, fmt.Sprintf(format, args...))
}

func (c *check) open(format string, args ...any) {
	c.verified.Open = append(c.verified.Open, fmt.Sprintf(format, args...))
}

// fault is a verdict on the answer.
func fault(code protocol.Code, format string, args ...any) error {
	return &protocol.Error{Code: code, Message: fmt.Sprintf(format, args...),
		Hint: "The answer was changed on its way, or the node that gave it lies: ask the issuer's home, or another node."}
}
