package proof

import (
	"fmt"
	"time"

	"mirnode/protocol"
	"mirnode/translog"
)

// Options say by what an answer is judged. Keys is required.
type Options struct {
	Keys Keys
	// Network is the one whose logs count: a home signs those of all its networks with one key, and what it tried out elsewhere was never said. "": production.
	Network protocol.Network
	// Log, if not "", is the log that the key was given for, as a verifier key names it. It goes before Network; another epoch of it counts too, and is told.
	Log string
	// Cosigners have all to have cosigned each checkpoint that the answer's receipts are under.
	Cosigners []Cosigner
	// Latest gives the newest record that some node has of an issuer; nil: nobody is asked. It need not be right: the home's signature decides.
	Latest func(issuerID string) ([]byte, error)
}

// Cosigner finds the cosignatures of one node, by its key: see translog.Checkpoint's Cosigners.
type Cosigner struct {
	Name string // of the node's log
	Find func(translog.Checkpoint) []translog.Cosignature
}

// log finds out whether the issuer's home is that of the log that counts.
func (c *check) log() error {
	issuer := c.verified.Issuer
	if c.options.Log != "" {
		want, err := protocol.ParseOrigin(c.options.Log)
		if err != nil {
			return err
		}
		if want.Domain != issuer.Home || want.Network != issuer.Network() {
			return &protocol.Error{Code: protocol.KeyNotFound,
				Message: "the key was given for the log " + c.options.Log + ", and this is of the node " + issuer.Home + " in the network " + string(issuer.Network()),
				Hint:    "Give the key of that node, with the name of its log in that network."}
		}
		c.epoch = want.Epoch
		return nil
	}
	want := c.options.Network
	if want == "" {
		want = protocol.Production
	}
	if issuer.Network() != want {
		return &protocol.Error{Code: protocol.InvalidSchema,
			Message: "this is of the " + string(issuer.Network()) + " network, not of " + string(want) + ": nothing was said there that counts here",
			Hint:    "If that network is meant: --network " + string(issuer.Network()) + "."}
	}
	c.epoch = 1
	return nil
}

// cosigned demands the cosignatures of a checkpoint, and notes the latest time at which a cosigner says it had seen it.
func (c *check) cosigned(what string, checkpoint translog.Checkpoint) error {
	for _, cosigner := range c.options.Cosigners {
		found := cosigner.Find(checkpoint)
		if len(found) == 0 {
			return &protocol.Error{Code: protocol.InvalidSignature, Message: "the checkpoint that the receipt of " + what + " is under is not cosigned by " + cosigner.Name,
				Hint: "Ask for the answer anew, a minute after it was written, at a node that mirrors the home's log: the home may show you a log that it shows nobody else."}
		}
		if c.witnessed == nil {
			c.witnessed = make(map[string]time.Time)
		}
		if at := found[0].Time; at.After(c.witnessed[cosigner.Name]) {
			c.witnessed[cosigner.Name] = at
		}
	}
	return nil
}

// since compares the issuer's record with the newest one that a node has, and tells what of that stays open.
func (c *check) since() (open string) {
	v := &c.verified
	if c.options.Latest == nil {
		return fmt.Sprintf("that this is the issuer's newest record (it is number %d, of %s): a later one may rename it, end its badge, or revoke the key",
			v.Issuer.Sequence, v.Issuer.Issued.Format(time.RFC3339))
	}
	latest, err := c.latest()
	if err != nil {
		return fmt.Sprintf("that this is the issuer's newest record, number %d of %s; the node that was asked for it gave none that counts: %v",
			v.Issuer.Sequence, v.Issuer.Issued.Format(time.RFC3339), err)
	}
	v.Latest = latest
	open = fmt.Sprintf("that the issuer's record is the newest: it is number %d, of %s, and the node asked has number %d", v.Issuer.Sequence,
		v.Issuer.Issued.Format(time.RFC3339), latest.Sequence)
	if latest.Sequence <= v.Issuer.Sequence {
		return open
	}
	at := latest.Issued.Format(time.RFC3339)
	if key, _ := latest.Key(v.Key.Fingerprint); v.Key.RevokedAt.IsZero() && !key.RevokedAt.IsZero() {
		c.changed("the issuer revoked the key that signed this, at %s by its home's clock", key.RevokedAt.Format(time.RFC3339))
		if !key.CompromisedAt.IsZero() {
			c.changed("the issuer reports that others may have had that key since %s", key.CompromisedAt.Format(time.RFC3339))
			v.Compromised = v.Compromised || !v.Logged.At.Before(key.CompromisedAt)
		}
	}
	if latest.Status != v.Issuer.Status || latest.VerifiedBy != v.Issuer.VerifiedBy || latest.Domain != v.Issuer.Domain {
		c.changed("the issuer's badge is another: it was %s, and is %s by the record of %s", badge(v.Issuer), badge(latest), at)
	}
	if latest.Name != v.Issuer.Name {
		c.changed("the issuer has another name, by the record of %s", at)
	}
	return open
}

// latest asks for the issuer's newest record, and judges it.
func (c *check) latest() (*protocol.Issuer, error) {
	v := &c.verified
	data, err := c.options.Latest(v.Issuer.ID)
	if err != nil {
		return nil, err
	}
	latest, err := protocol.ParseIssuer(data)
	if err != nil {
		return nil, err
	}
	if err := c.statement("it", latest); err != nil {
		return nil, err
	}
	if latest.ID == v.Issuer.ID && latest.Network() == v.Issuer.Network() && latest.Sequence <= v.Issuer.Sequence {
		return latest, nil
	}
	if err := latest.Follows(v.Issuer); err != nil {
		return nil, err
	}
	return latest, nil
}

// badge is an issuer's badge in words.
func badge(i *protocol.Issuer) string {
	switch i.VerifiedBy {
	case protocol.ByDomain:
		return string(i.Status) + " (domain " + i.Domain + ")"
	case protocol.ByActivity:
		return string(i.Status) + " (activity)"
	}
	return string(i.Status)
}
