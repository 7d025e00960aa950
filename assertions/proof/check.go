package proof

import (
	"crypto/ed25519"
	"errors"
	"slices"
	"time"

	"mirnode/protocol"
	"mirnode/translog"
	"mirnode/verifier"
)

// check goes through an answer. What is found good is in verified.
type check struct {
	bundle    *bundle
	options   Options
	keys      []ed25519.PublicKey
	epoch     int                  // of the home's log that is expected
	witnessed map[string]time.Time // when cosigners say they last saw a checkpoint that is used here
	listed    Logged               // where the issuer's record stands
	verified  Verified
}

// issuer checks the issuer's record, by which all the rest is judged.
func (c *check) issuer() error {
	issuer, err := protocol.ParseIssuer([]byte(c.bundle.issuer))
	if err != nil {
		return err
	}
	c.verified.Issuer = issuer
	if err := c.log(); err != nil {
		return err
	}
	if c.keys, err = c.options.Keys(issuer.Home); err != nil {
		return err
	}
	if len(c.keys) == 0 {
		return &protocol.Error{Code: protocol.KeyNotFound, Message: "no key of the issuer's home, " + issuer.Home + ", is known",
			Hint: "Give that node's key; the answer of another node's does not do."}
	}
	if err := c.statement("the issuer's record", issuer); err != nil {
		return err
	}
	c.prove("The issuer %s belongs to the node %s: the ID is made from that domain, and the node's key signed the issuer's record, in which its name stands.", issuer.ID, issuer.Home)
	c.listed, err = c.logged("the issuer's record", c.bundle.issuerReceipt, issuer)
	return err
}

// statement checks that the home signed.
func (c *check) statement(what string, s protocol.Statement) error {
	domain, fingerprint := s.Signer()
	for _, key := range c.keys {
		if protocol.Fingerprint(key) == fingerprint && ed25519.Verify(key, s.Canonical(), s.Signature()) {
			return nil
		}
	}
	return fault(protocol.InvalidSignature, "%s is not signed by a known key of %s", what, domain)
}

// logged checks the receipt of a record: that the home's log has it, under a checkpoint that the home signed.
func (c *check) logged(what, receipt string, record protocol.Record) (Logged, error) {
	r, err := translog.ParseReceipt([]byte(receipt))
	if err != nil {
		return Logged{}, fault(protocol.InvalidSchema, "the receipt of %s: %v", what, err)
	}
	name, err := translog.NoteOrigin(r.Checkpoint)
	if err != nil {
		return Logged{}, fault(protocol.InvalidSchema, "the receipt of %s: %v", what, err)
	}
	origin, err := protocol.ParseOrigin(name)
	issuer := c.verified.Issuer
	if err != nil || origin.Domain != issuer.Home || origin.Network != issuer.Network() {
		return Logged{}, fault(protocol.InvalidSchema, "the receipt of %s is of the log %q, which is not one of the issuer's home %s", what, name, issuer.Home)
	}
	entry, checkpoint, err := c.entry(name, r)
	if err != nil {
		return Logged{}, fault(protocol.InvalidSignature, "the receipt of %s: %v", what, err)
	}
	if entry.Kind != record.Kind() || entry.Record != record.RecordHash() {
		return Logged{}, fault(protocol.InvalidSchema, "the receipt of %s is one of another record", what)
	}
	if err := c.cosigned(what, checkpoint); err != nil {
		return Logged{}, err
	}
	return Logged{Origin: name, Index: r.Index, Size: checkpoint.Size, At: entry.IngestedAt}, nil
}

// entry verifies a receipt by whichever of the home's keys signed it.
func (c *check) entry(origin string, r translog.Receipt) (entry protocol.Entry, checkpoint translog.Checkpoint, err error) {
	err = translog.ErrSignature
	for _, key := range c.keys {
		log, keyErr := translog.NewVerifier(origin, key)
		if keyErr != nil {
			return entry, checkpoint, keyErr
		}
		if entry, checkpoint, err = r.Verify(log); err == nil || !errors.Is(err, translog.ErrSignature) {
			break
		}
	}
	return entry, checkpoint, err
}

// assertion checks the assertion itself.
func (c *check) assertion() error {
	a, err := protocol.ParseAssertion([]byte(c.bundle.record))
	if err != nil {
		return err
	}
	v := &c.verified
	if v.Logged, err = c.signed("the assertion", c.bundle.receipt, a); err != nil {
		return err
	}
	v.Assertion, v.Metadata = a, a.Metadata
	v.Key, _ = v.Issuer.Key(a.KeyFingerprint)
	v.Compromised = !v.Key.CompromisedAt.IsZero() && !v.Logged.At.Before(v.Key.CompromisedAt)
	c.prove("It says %s about the artifact %x: that, and everything under signed, was signed with the issuer's %s key %s, which was valid when its home took it in.",
		a.Payload.Type, a.Payload.Artifact, v.Key.Algorithm, a.KeyFingerprint)
	c.prove("It stands as entry %d in the log %s of the node %s, under a checkpoint of %d entries that the node signed.",
		v.Logged.Index, v.Logged.Origin, v.Issuer.Home, v.Logged.Size)
	for _, cosigner := range c.options.Cosigners {
		c.prove("%s saw that log too: it cosigned a checkpoint with it, at %s by its clock.", cosigner.Name, c.witnessed[cosigner.Name].Format(time.RFC3339))
	}
	return nil
}

// signed checks a record that the issuer signed, and where it is logged.
func (c *check) signed(what, receipt string, record protocol.Record) (Logged, error) {
	logged, err := c.logged(what, receipt, record)
	if err != nil {
		return logged, err
	}
	var refusal *protocol.Error
	switch of := record.(type) {
	case *protocol.Assertion:
		refusal = verifier.Assertion(of, c.inForce(of.KeyFingerprint, &logged), logged.At)
	case *protocol.Revocation:
		refusal = verifier.Revocation(of, c.inForce(of.KeyFingerprint, &logged), logged.At)
	}
	if refusal != nil {
		return logged, refusal
	}
	return logged, nil
}

// inForce is the issuer's record as it stood for what was signed with a key, as far as this answer tells. Replicas judge by the record before it in the log, which the
// answer need not have; what its record says of a revocation may have been logged after the signature, though the revocation is of the same moment. So the
// log's order decides about what is as young as a write may wait.
func (c *check) inForce(fingerprint string, signed *Logged) *protocol.Issuer {
	issuer := c.verified.Issuer
	key, ok := issuer.Key(fingerprint)
	if !ok || key.RevokedAt.IsZero() || signed.Origin != c.listed.Origin || signed.Index > c.listed.Index || signed.At.After(key.RevokedAt.Add(protocol.AssertionSlack)) {
		return issuer
	}
	before := *issuer
	before.Keys = slices.Clone(issuer.Keys)
	key, _ = before.Key(fingerprint)
	key.RevokedAt, key.CompromisedAt = time.Time{}, time.Time{}
	return &before
}

// revocation checks the assertion's end.
func (c *check) revocation() error {
	f, v := c.bundle.revocation, &c.verified
	if f == nil {
		return nil
	}
	r, err := protocol.ParseRevocation([]byte(f.record))
	if err != nil {
		return err
	}
	if r.AssertionID != v.Assertion.ID() {
		return fault(protocol.InvalidSchema, "the revocation is one of %s", r.AssertionID)
	}
	if v.Revoked, err = c.signed("the revocation", f.receipt, r); err != nil {
		return err
	}
	v.Revocation = r
	c.prove("The issuer revoked it (%s): that is signed too, and stands in the log as entry %d.", r.Action, v.Revoked.Index)
	return nil
}

// successor checks what came in the assertion's place.
func (c *check) successor() error {
	f, v := c.bundle.successor, &c.verified
	if f == nil {
		return nil
	}
	s, err := protocol.ParseAssertion([]byte(f.record))
	if err != nil {
		return err
	}
	if s.Payload.Supersedes != v.Assertion.ID() || s.Payload.Artifact != v.Assertion.Payload.Artifact {
		return fault(protocol.InvalidSchema, "the successor does not say that it supersedes this assertion")
	}
	if v.Succeeded, err = c.signed("the successor", f.receipt, s); err != nil {
		return err
	}
	v.Successor = s
	c.prove("The issuer replaced it by %s, a %s.", s.ID(), s.Payload.Type)
	return nil
}

// metadata checks what stands unsigned beside the assertion.
func (c *check) metadata() error {
	f, v := c.bundle.metadata, &c.verified
	if f == nil {
		return nil
	}
	e, err := protocol.ParseMetadataEdit([]byte(f.record))
	if err != nil {
		return err
	}
	if e.AssertionID != v.Assertion.ID() || e.IssuerID != v.Issuer.ID || e.Home != v.Issuer.Home || e.Network() != v.Issuer.Network() {
		return fault(protocol.InvalidSchema, "the edit of the metadata is one of another assertion")
	}
	if err := c.statement("the edit of the metadata", e); err != nil {
		return err
	}
	logged, err := c.logged("the edit of the metadata", f.receipt, e)
	if err != nil {
		return err
	}
	v.Metadata, v.Edited = &e.Metadata, e.Sequence
	if e.Metadata.IsZero() {
		v.Metadata = nil
	}
	c.prove("Its unsigned metadata are those of edit %d, which %s signed and logged as entry %d.", e.Sequence, e.Home, logged.Index)
	return nil
}
