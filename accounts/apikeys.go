package accounts

import (
	"context"
	"crypto/subtle"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"mirnode/protocol"
)

// Scope is what an API key is good for.
type Scope string

// The scopes.
const (
	ScopeLookup Scope = "lookup" // look up many files at once
	ScopeWrite  Scope = "write"  // make, revoke, supersede and edit assertions
	ScopeManage Scope = "manage" // keys, domains, API keys
)

var allScopes = []Scope{ScopeLookup, ScopeWrite, ScopeManage}

const (
	maxLabel = 100 // characters
	// shortestLife keeps a key from being born expired by a clock that is off.
	shortestLife = time.Minute
	day          = 24 * time.Hour
)

// Caller is who an API key belongs to.
type Caller struct {
	Issuer string
	KeyID  string
	Scopes []Scope // must not be changed
}

// Has tells whether the key has the scope.
func (c Caller) Has(s Scope) bool { return slices.Contains(c.Scopes, s) }

// Need is nil if the key has the scope, and a Refusal, Forbidden, if not.
func (c Caller) Need(s Scope) error {
	if c.Has(s) {
		return nil
	}
	return refuse(Forbidden, "make a key with this scope: POST /issuers/"+c.Issuer+"/api-keys", "the API key %s has no scope %q", c.KeyID, s)
}

// APIKey describes an API key. The key itself is told when it is made, and never again.
type APIKey struct {
	ID       string // key_ and 12 letters and digits
	Label    string
	Scopes   []Scope
	Created  time.Time
	Expires  time.Time // zero: never
	LastUsed time.Time // zero: never; exact to the hour after a restart
}

// liveKey is an API key in use. It is not changed, but for used.
type liveKey struct {
	account *account
	keptKey
	used atomic.Int64 // Unix seconds of the last use; 0: none
}

// admit makes a key known. The caller holds mu.
func (a *Accounts) admit(acc *account, k *keptKey) {
	live := &liveKey{account: acc, keptKey: *k}
	if !k.LastUsed.IsZero() {
		live.used.Store(k.LastUsed.Unix())
	}
	a.keys[k.Hash] = live
}

func (a *Accounts) live(hash hexHash) *liveKey {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.keys[hash]
}

// Authenticate finds out whose API key this is. It reads memory only. The error is a Refusal, Unauthenticated, and never repeats the key.
func (a *Accounts) Authenticate(key string) (Caller, error) {
	network, ok := networkOf(key)
	switch {
	case key == "":
		return Caller{}, refuse(Unauthenticated, "send it in the header x-api-key; the operator of the issuer's home makes the first one", "an API key is missing")
	case !ok:
		return Caller{}, refuse(Unauthenticated, "an API key is "+prefixOf(a.o.Network)+" and 43 letters and digits: is a part of it missing?", "this is no API key")
	case network != a.o.Network:
		return Caller{}, refuse(Unauthenticated, "this node is of the network "+string(a.o.Network)+", whose keys begin with "+prefixOf(a.o.Network),
			"the API key is for the network %s", network)
	}
	hash := hexHash(hashed(key))
	live := a.live(hash)
	if live == nil || subtle.ConstantTimeCompare(live.Hash[:], hash[:]) != 1 {
		return Caller{}, refuse(Unauthenticated, "it may be revoked, replaced, or another node's: a key is good at the issuer's home alone", "this API key is not known")
	}
	now := a.o.Now()
	if !live.Expires.IsZero() && !now.Before(live.Expires) {
		return Caller{}, refuse(Unauthenticated, "make another one: POST /issuers/"+live.account.id+"/api-keys", "the API key %s expired at %s",
			live.ID, live.Expires.UTC().Format(time.RFC3339))
	}
	live.used.Store(now.Unix())
	return Caller{Issuer: live.account.id, KeyID: live.ID, Scopes: live.Scopes}, nil
}

func prefixOf(network protocol.Network) string {
	for _, p := range prefixes {
		if p.network == network {
			return p.prefix
		}
	}
	return ""
}

func (a *Accounts) newKey(label string, scopes []Scope, expires, now time.Time) (secret string, key keptKey) {
	secret = newSecret(a.o.Network)
	return secret, keptKey{
		ID: keyIDPrefix + randomText(keyIDChars), Label: label, Hash: hashed(secret), Scopes: slices.Clone(scopes), Created: now, Expires: expires,
	}
}

// APIKeys lists an issuer's API keys, oldest first.
func (a *Accounts) APIKeys(ctx context.Context, id string) ([]APIKey, error) {
	acc, err := a.account(ctx, id)
	if err != nil {
		return nil, err
	}
	return a.views(acc.document.Load()), nil
}

func (a *Accounts) views(d *document) []APIKey {
	views := make([]APIKey, 0, len(d.APIKeys))
	for i := range d.APIKeys {
		views = append(views, a.viewKey(&d.APIKeys[i]))
	}
	return views
}

func (a *Accounts) viewKey(k *keptKey) APIKey {
	return APIKey{ID: k.ID, Label: k.Label, Scopes: slices.Clone(k.Scopes), Created: k.Created, Expires: k.Expires, LastUsed: a.usedAt(k)}
}

// usedAt is when a key was last used, as memory knows it.
func (a *Accounts) usedAt(k *keptKey) time.Time {
	if live := a.live(k.Hash); live != nil && live.used.Load() > 0 {
		return time.Unix(live.used.Load(), 0).UTC()
	}
	return k.LastUsed
}

// stampUses writes into a document when its keys were last used.
func (a *Accounts) stampUses(d *document) {
	for i := range d.APIKeys {
		d.APIKeys[i].LastUsed = a.usedAt(&d.APIKeys[i])
	}
}

// NewAPIKey makes an API key with at least one scope, for the issuer, which makes at most MaxKeysADay; expires is zero for one that does not. Whether the issuer may,
// May tells (ActionNewAPIKey). Errors: a Refusal (Invalid, TooMany), and those of the store.
func (a *Accounts) NewAPIKey(ctx context.Context, id, label string, scopes []Scope, expires time.Time) (secret string, key APIKey, err error) {
	return a.makeAPIKey(ctx, id, label, scopes, expires, func(d *document, now time.Time) error {
		d.Made = slices.DeleteFunc(d.Made, func(at time.Time) bool { return now.Sub(at) >= day })
		if len(d.Made) >= MaxKeysADay {
			wait := max(d.Made[0].Add(day).Sub(now), time.Second)
			return &Refusal{
				Kind: TooMany, RetryAfter: wait, Message: fmt.Sprintf("the issuer made %d API keys within a day, as many as it may", len(d.Made)),
				Hint: "rotate one that is there: POST /issuers/" + id + "/api-keys/{keyId}/rotate; or try again in " + wait.Round(time.Second).String(),
			}
		}
		d.Made = append(d.Made, now)
		return nil
	})
}

// GiveAPIKey is NewAPIKey for the operator, who always may.
func (a *Accounts) GiveAPIKey(ctx context.Context, id, label string, scopes []Scope, expires time.Time) (secret string, key APIKey, err error) {
	return a.makeAPIKey(ctx, id, label, scopes, expires, func(*document, time.Time) error { return nil })
}

// makeAPIKey makes an API key; may has the last word, and notes in the copy of the document that the key was made.
func (a *Accounts) makeAPIKey(
	ctx context.Context, id, label string, scopes []Scope, expires time.Time, may func(d *document, now time.Time) error,
) (secret string, key APIKey, err error) {
	now := a.o.Now().UTC().Truncate(time.Millisecond)
	if scopes, err = checkKey(label, scopes, expires, now); err != nil {
		return "", APIKey{}, err
	}
	acc, err := a.account(ctx, id)
	if err != nil {
		return "", APIKey{}, err
	}
	if err := acc.begin(ctx); err != nil {
		return "", APIKey{}, err
	}
	defer acc.end()
	if n := len(acc.document.Load().APIKeys); n >= a.o.Policy.MaxAPIKeys {
		return "", APIKey{}, refuse(Invalid, "revoke one that is not used: DELETE /issuers/"+id+"/api-keys/{keyId}", "the issuer has %d API keys, as many as it may have", n)
	}
	made := acc.document.Load().clone()
	if err := may(made, now); err != nil {
		return "", APIKey{}, err
	}
	secret, fresh := a.newKey(label, scopes, expires.UTC(), now)
	if err := a.rewrite(ctx, acc, func(d *document) { d.APIKeys, d.Made = append(d.APIKeys, fresh), made.Made }); err != nil {
		return "", APIKey{}, err
	}
	a.mu.Lock()
	a.admit(acc, &fresh)
	a.mu.Unlock()
	a.o.Logger.Info("an API key was made", "issuer", id, "key", fresh.ID, "scopes", scopes)
	return secret, a.viewKey(&fresh), nil
}

// checkKey checks what is asked of a new key, and gives its scopes in order, each once.
func checkKey(label string, scopes []Scope, expires, now time.Time) ([]Scope, error) {
	switch {
	case !plain(label, maxLabel):
		return nil, refuse(Invalid, "", "a label has at most %d characters, and no control characters", maxLabel)
	case !expires.IsZero() && expires.Before(now.Add(shortestLife)):
		return nil, refuse(Invalid, "leave it out for a key that does not expire", "expires %s is not in the future", expires.UTC().Format(time.RFC3339))
	case len(scopes) == 0:
		return nil, refuse(Invalid, "name some of lookup, write, manage", "an API key has at least one scope")
	}
	for _, s := range scopes {
		if !slices.Contains(allScopes, s) {
			return nil, refuse(Invalid, "a scope is lookup, write or manage", "%s is no scope", shown(string(s)))
		}
	}
	in := slices.DeleteFunc(slices.Clone(allScopes), func(s Scope) bool { return !slices.Contains(scopes, s) })
	return in, nil
}

// RotateAPIKey replaces an API key by another with the same label, scopes and end; the old one is refused from now on. Whoever needs both for a while makes a
// second one and revokes the first later. Errors: a Refusal (NotFound), and those of the store.
func (a *Accounts) RotateAPIKey(ctx context.Context, id, keyID string) (secret string, key APIKey, err error) {
	acc, err := a.account(ctx, id)
	if err != nil {
		return "", APIKey{}, err
	}
	if err := acc.begin(ctx); err != nil {
		return "", APIKey{}, err
	}
	defer acc.end()
	at, old, err := acc.apiKey(keyID)
	if err != nil {
		return "", APIKey{}, err
	}
	secret, fresh := a.newKey(old.Label, old.Scopes, old.Expires, a.o.Now().UTC().Truncate(time.Millisecond))
	if err := a.rewrite(ctx, acc, func(d *document) { d.APIKeys = append(slices.Delete(d.APIKeys, at, at+1), fresh) }); err != nil {
		return "", APIKey{}, err
	}
	a.mu.Lock()
	delete(a.keys, old.Hash)
	a.admit(acc, &fresh)
	a.mu.Unlock()
	a.o.Logger.Info("an API key was replaced", "issuer", id, "key", keyID, "by", fresh.ID)
	return secret, a.viewKey(&fresh), nil
}

// RevokeAPIKey ends an API key, at once: even where the disk then refuses to keep that, until the next start. Errors: a Refusal (NotFound), and
// those of the store, after which it must be called again.
func (a *Accounts) RevokeAPIKey(ctx context.Context, id, keyID string) error {
	acc, err := a.account(ctx, id)
	if err != nil {
		return err
	}
	if err := acc.begin(ctx); err != nil {
		return err
	}
	defer acc.end()
	at, old, err := acc.apiKey(keyID)
	if err != nil {
		return err
	}
	a.mu.Lock()
	delete(a.keys, old.Hash)
	a.mu.Unlock()
	a.o.Logger.Info("an API key was revoked", "issuer", id, "key", keyID)
	return a.rewrite(ctx, acc, func(d *document) { d.APIKeys = slices.Delete(d.APIKeys, at, at+1) })
}

// apiKey finds one of the issuer's keys. The caller holds the turn.
func (acc *account) apiKey(keyID string) (at int, key keptKey, err error) {
	keys := acc.document.Load().APIKeys
	at = slices.IndexFunc(keys, func(k keptKey) bool { return k.ID == keyID })
	if at < 0 {
		return 0, keptKey{}, refuse(NotFound, "GET /issuers/"+acc.id+"/api-keys lists them", "the issuer has no API key %s", shown(keyID))
	}
	return at, keys[at], nil
}
