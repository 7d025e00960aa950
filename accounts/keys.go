package accounts

import (
	"context"
	"crypto/subtle"
	"slices"
	"time"

	"mirnode/protocol"
)

// challengeLife is how long a challenge can be answered.
const challengeLife = 10 * time.Minute

// challenge is a text that a new key must sign. It is kept in memory alone: a restart costs its owner another one.
type challenge struct {
	text    string
	expires time.Time
}

// Challenge gives 64 random hex digits that a new key is to sign within ten minutes, as protocol.PossessionText says. It is good for one key. Errors: a Refusal: that of
// [Accounts.May] for ActionAddKey.
func (a *Accounts) Challenge(ctx context.Context, id string) (text string, expires time.Time, err error) {
	if err := a.May(id, ActionAddKey); err != nil {
		return "", time.Time{}, err
	}
	acc, err := a.account(ctx, id)
	if err != nil {
		return "", time.Time{}, err
	}
	now := a.o.Now()
	c := challenge{text: randomHex(32), expires: now.Add(challengeLife).UTC().Truncate(time.Millisecond)}
	acc.mu.Lock()
	defer acc.mu.Unlock()
	acc.challenges = slices.DeleteFunc(acc.challenges, func(c challenge) bool { return !now.Before(c.expires) })
	if len(acc.challenges) >= MaxChallenges {
		acc.challenges = slices.Delete(acc.challenges, 0, 1)
	}
	acc.challenges = append(acc.challenges, c)
	return c.text, c.expires, nil
}

// spend takes a challenge, so that nobody can use it again, and tells whether it was good.
func (acc *account) spend(text string, now time.Time) bool {
	acc.mu.Lock()
	defer acc.mu.Unlock()
	for i, c := range acc.challenges {
		if subtle.ConstantTimeCompare([]byte(c.text), []byte(text)) == 1 {
			acc.challenges = slices.Delete(acc.challenges, i, i+1)
			return now.Before(c.expires)
		}
	}
	return false
}

// AddKey adds a public key, in any form that protocol.ParseIssuerKey reads, to the issuer's record; algorithm may be "". The signature, in any form that
// protocol.ParseSignature reads, is the key's own over the challenge: that its owner holds the private half. A challenge is spent as soon as a
// signature was checked against it. A key that was revoked cannot come back. Errors: a Refusal, and those of the store.
func (a *Accounts) AddKey(ctx context.Context, id, algorithm, publicKey, challenge, signature string) (protocol.IssuerKey, error) {
	if err := a.May(id, ActionAddKey); err != nil {
		return protocol.IssuerKey{}, err
	}
	key, err := protocol.ParseIssuerKey(algorithm, publicKey)
	if err != nil {
		return protocol.IssuerKey{}, refusal(err)
	}
	sig, err := protocol.ParseSignature(key.Algorithm, signature)
	if err != nil {
		return protocol.IssuerKey{}, refusal(err)
	}
	acc, err := a.account(ctx, id)
	if err != nil {
		return protocol.IssuerKey{}, err
	}
	if !acc.spend(challenge, a.o.Now()) {
		return protocol.IssuerKey{}, refuse(Invalid, "a challenge is good for ten minutes and one key: POST /issuers/"+id+"/keys/challenge gives another",
			"the challenge is not one of this issuer's, or it was used, or it is too old")
	}
	if text := protocol.PossessionText(id, challenge); !key.Verify(text, sig) {
		return protocol.IssuerKey{}, refuse(Invalid, "sign exactly these bytes, without a line's end, with the private key, after asking for another challenge: "+string(text),
			"the signature is not this key's over the challenge")
	}
	if err := acc.begin(ctx); err != nil {
		return protocol.IssuerKey{}, err
	}
	defer acc.end()
	_, err = a.change(ctx, acc, func(d *protocol.IssuerDraft, now time.Time) error {
		if err := a.may(acc, d.Status, ActionAddKey); err != nil {
			return err // the badge changed meanwhile
		}
		return addKey(d, &key, now)
	})
	if err != nil {
		return protocol.IssuerKey{}, err
	}
	a.o.Logger.Info("a key was added", "issuer", id, "fingerprint", key.Fingerprint, "algorithm", key.Algorithm)
	return key, nil
}

func addKey(d *protocol.IssuerDraft, key *protocol.IssuerKey, now time.Time) error {
	at := indexKey(d.Keys, key.Fingerprint)
	switch {
	case at >= 0 && d.Keys[at].RevokedAt.IsZero():
		return refuse(Invalid, "", "the issuer has the key %s already", key.Fingerprint)
	case at >= 0:
		return refuse(Invalid, "make another key pair", "the key %s was revoked, and cannot come back", key.Fingerprint)
	case len(d.Keys) >= protocol.MaxIssuerKeys:
		return refuse(Invalid, "revoked keys count: what they signed must stay verifiable; the operator can make another issuer",
			"the issuer has had %d keys, as many as it may have", len(d.Keys))
	}
	key.Created = now
	d.Keys = append(d.Keys, *key)
	return nil
}

func indexKey(keys []protocol.IssuerKey, fingerprint string) int {
	return slices.IndexFunc(keys, func(k protocol.IssuerKey) bool { return k.Fingerprint == fingerprint })
}

// RevokeKey ends a key: what this node takes in from now on is not signed by it. compromisedAt is since when the owner thinks that it was in wrong hands; zero for
// nothing of the kind. A key that is revoked already stays as it is, and is returned. Errors: a Refusal (NotFound; Invalid for a time to come), and those of the
// store.
func (a *Accounts) RevokeKey(ctx context.Context, id, fingerprint string, compromisedAt time.Time) (protocol.IssuerKey, error) {
	acc, err := a.account(ctx, id)
	if err != nil {
		return protocol.IssuerKey{}, err
	}
	if err := acc.begin(ctx); err != nil {
		return protocol.IssuerKey{}, err
	}
	defer acc.end()
	record, err := a.change(ctx, acc, func(d *protocol.IssuerDraft, now time.Time) error {
		at := indexKey(d.Keys, fingerprint)
		switch {
		case at < 0:
			return refuse(NotFound, "a fingerprint is the SHA-256 of the public key's bytes; GET /issuers/"+id+" lists them", "the issuer has no key %s", shown(fingerprint))
		case !d.Keys[at].RevokedAt.IsZero():
			return errUnchanged
		case compromisedAt.After(now):
			return refuse(Invalid, "leave it out if the key was not in wrong hands", "compromisedAt %s is yet to come", compromisedAt.UTC().Format(time.RFC3339))
		}
		d.Keys[at].RevokedAt, d.Keys[at].CompromisedAt = now, compromisedAt.UTC().Truncate(time.Millisecond)
		return nil
	})
	if err != nil {
		return protocol.IssuerKey{}, err
	}
	a.o.Logger.Info("a key was revoked", "issuer", id, "fingerprint", fingerprint)
	key, _ := record.Key(fingerprint)
	return *key, nil
}
