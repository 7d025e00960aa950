package scenario

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mirnode/protocol"
)

// claimArgs are the members of "claim".
type claimArgs struct {
	As       string         `json:"as"`
	Domain   string         `json:"domain,omitzero"`   // one of the case's, by its short name; or a full name, with a dot
	Key      string         `json:"key,omitzero"`      // "": the first that the domain published, or alpha. A peer's name: the one that it publishes
	SignWith string         `json:"signWith,omitzero"` // another key's signature under Key's fingerprint
	Set      map[string]any `json:"set,omitzero"`      // members before signing
	Remove   []string       `json:"remove,omitzero"`   // members before signing
	Tamper   map[string]any `json:"tamper,omitzero"`   // members after signing
	Strip    []string       `json:"strip,omitzero"`    // members after signing
	Replace  [][2]string    `json:"replace,omitzero"`  // texts in the finished claim: each must stand in it, and is replaced once
	Pretty   bool           `json:"pretty,omitzero"`   // over several lines, in an order of its own
}

// makeClaim makes a claim and signs it in the text form. The object's text is the claim; its parts are id, sigHash, sig, record, domain, subject, timestamp, type, fingerprint, canonical.
// What a signer would refuse is signed all the same, as far as it can be written.
func makeClaim(_ context.Context, p *play, args *claimArgs) error {
	members, key := p.claimMembers(args)
	maps.Copy(members, args.Set)
	for _, name := range args.Remove {
		delete(members, name)
	}
	canonical, err := canonicalBytes(members)
	if err != nil {
		return fmt.Errorf("%w: %w", errSteps, err)
	}
	if args.SignWith != "" {
		key = p.key(args.SignWith)
	}
	sig := base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, canonical))
	members["sig"] = sig
	maps.Copy(members, args.Tamper)
	for _, name := range args.Strip {
		delete(members, name)
	}
	raw, err := writeClaim(members, args.Pretty)
	if err != nil {
		return fmt.Errorf("%w: %w", errSteps, err)
	}
	for _, pair := range args.Replace {
		if !bytes.Contains(raw, []byte(pair[0])) {
			return fmt.Errorf("%w: replace: %q does not stand in %s", errSteps, pair[0], clip(string(raw)))
		}
		raw = bytes.Replace(raw, []byte(pair[0]), []byte(pair[1]), 1)
	}
	return p.make(args.As, claimObject(raw, canonical, members))
}

// claimMembers are a claim's members as they are where the case does not say otherwise, and the key that they name.
func (p *play) claimMembers(args *claimArgs) (map[string]any, ed25519.PrivateKey) {
	domain := args.Domain
	if domain == "" {
		domain = "d1"
	}
	if !strings.Contains(domain, ".") {
		domain = p.domain(domain)
	}
	name := args.Key
	if name == "" {
		name = p.domainKey[strings.ToLower(domain)]
	}
	if name == "" {
		name = "alpha"
	}
	key := p.signingKey(name)
	subject := make([]byte, 32)
	_, _ = rand.Read(subject) // never fails
	now, _ := p.instant("now")
	return map[string]any{
		"mir": json.Number("1"), "type": "mir.transaction.completed", "domain": domain, "subject": hex.EncodeToString(subject), "timestamp": now,
		"keyFingerprint": protocol.Fingerprint(publicOf(key)), "metadata": map[string]any{"n": p.unique},
	}, key
}

// canonicalBytes are what is signed: the protocol's canonical form where the claim has one, or else its members sorted.
func canonicalBytes(members map[string]any) ([]byte, error) {
	raw, err := writeJSON(members)
	if err != nil {
		return nil, err
	}
	if draft, err := protocol.ParseDraft(raw); err == nil {
		return draft.Canonical()
	}
	return raw, nil
}

// writeClaim writes the finished claim: in canonical order, or with white space and the members in reverse.
func writeClaim(members map[string]any, pretty bool) ([]byte, error) {
	if !pretty {
		return writeJSON(members)
	}
	var b strings.Builder
	b.WriteString("{\n")
	names := slices.Sorted(maps.Keys(members))
	slices.Reverse(names)
	for i, name := range names {
		v, err := writeJSON(members[name])
		if err != nil {
			return nil, err
		}
		comma := ","
		if i == len(names)-1 {
			comma = ""
		}
		fmt.Fprintf(&b, "  %q : %s%s\n", name, v, comma)
	}
	b.WriteString("}")
	return []byte(b.String()), nil
}

// claimObject gives the claim's parts their names.
func claimObject(raw, canonical []byte, members map[string]any) *object {
	sum := sha256.Sum256([]byte(text1(members["sig"])))
	o := &object{text: string(raw), parts: map[string]string{
		"sig": text1(members["sig"]), "sigHash": hex.EncodeToString(sum[:]), "id": "claim_" + hex.EncodeToString(sum[:]),
		"domain": text1(members["domain"]), "subject": text1(members["subject"]), "timestamp": text1(members["timestamp"]), "type": text1(members["type"]),
		"fingerprint": text1(members["keyFingerprint"]), "canonical": string(canonical),
	}}
	if c, err := protocol.ParseClaim(raw); err == nil {
		record := c.RecordHash()
		o.parts["record"] = hex.EncodeToString(record[:])
	}
	return o
}

// text1 is a member's text, or "" where it is no string.
func text1(v any) string {
	s, _ := v.(string)
	return s
}
