package accounts

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"mirnode/store"
)

const (
	// stateSpace is where the store keeps the documents: a key for each issuer.
	stateSpace = "accounts"
	// documentVersion is that of the form below. A document of a later version stops the start: what it says must not be lost.
	documentVersion = 1
)

// document is what this node alone knows of an issuer. One that is in use is never changed, only replaced.
type document struct {
	Version int         `json:"version"`
	Created time.Time   `json:"created,omitzero"` // zero: the document was lost, and begun anew
	Plan    string      `json:"plan,omitempty"`
	Reason  string      `json:"reason,omitempty"` // why the operator gave the badge
	APIKeys []keptKey   `json:"apiKeys,omitempty"`
	Made    []time.Time `json:"keysMade,omitempty"` // when the issuer made API keys itself, of the last day; at most MaxKeysADay
	Pending []pending   `json:"pending,omitempty"`  // oldest first
	Domain  domainState `json:"domain,omitzero"`
	Active  activity    `json:"activity,omitzero"`
}

// keptKey is an API key, but for the key itself.
type keptKey struct {
	ID       string    `json:"id"`
	Label    string    `json:"label,omitempty"`
	Hash     hexHash   `json:"hash"`
	Scopes   []Scope   `json:"scopes"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires,omitzero"`
	LastUsed time.Time `json:"lastUsed,omitzero"`
}

// pending is a domain whose record is awaited.
type pending struct {
	Domain  string    `json:"domain"`
	Nonce   string    `json:"nonce"`
	Expires time.Time `json:"expires"`
}

// domainState is what is known of the verified domain's rechecks.
type domainState struct {
	Checked     time.Time `json:"checked,omitzero"`     // the token was there
	Asked       time.Time `json:"asked,omitzero"`       // last, whatever came of it
	SilentSince time.Time `json:"silentSince,omitzero"` // the domain has not answered since
}

// activity is what is known of the issuer's assertions.
type activity struct {
	First    time.Time `json:"first,omitzero"`    // when the earliest that was ever counted was taken in
	Disputed time.Time `json:"disputed,omitzero"` // when one was last found to be disputed; zero where none is now
}

type hexHash [32]byte

func (h hexHash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

func (h *hexHash) UnmarshalText(text []byte) error {
	if len(text) != 2*len(h) {
		return fmt.Errorf("a hash of %d characters", len(text))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

func parseDocument(value []byte) (*document, error) {
	d := new(document)
	if err := json.Unmarshal(value, d); err != nil {
		return nil, err
	}
	if d.Version != documentVersion {
		return nil, fmt.Errorf("the document has version %d, and this program knows %d: a later version wrote it", d.Version, documentVersion)
	}
	return d, nil
}

func (d *document) encode() ([]byte, error) {
	d.Version = documentVersion
	value, err := json.Marshal(d)
	if err == nil && len(value) > store.MaxStateBytes {
		err = fmt.Errorf("the issuer's document has %d bytes, at most %d can be kept", len(value), store.MaxStateBytes)
	}
	return value, err
}

// clone copies the document so that the copy can be changed.
func (d *document) clone() *document {
	c := *d
	c.APIKeys, c.Made, c.Pending = slices.Clone(d.APIKeys), slices.Clone(d.Made), slices.Clone(d.Pending)
	return &c
}
