package federation_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mirnode/cluster"
	"mirnode/protocol"
	"mirnode/translog"
)

// lieCase is one way to lie. Its peer is a domain of the case's name, and its log holds the claims unless play changes that.
type lieCase struct {
	name string
	// play prepares the lie, before the peer is published. hidden are the claims that no node may ever serve; nil: all of them.
	play func(h *hostile, claims []*protocol.Claim) (hidden []*protocol.Claim)
	// then goes on once the peer is admitted. nil: nothing.
	then func(h *hostile, claims []*protocol.Claim)
	// unfound: the descriptor is the lie, and the peer is never admitted.
	unfound bool
	words   string // what GET /peers must say of it
}

var lieCases = []lieCase{
	{name: "altered-record", words: "the body that it gave for", play: func(h *hostile, claims []*protocol.Claim) []*protocol.Claim {
		log := h.write(records(claims)...)
		other, err := h.w.claimOf(h.w.domains[0])
		h.w.must(err)
		log.bodies[claims[0].RecordHash()] = other // genuine, and not what the log commits to
		h.showAll(log)
		return []*protocol.Claim{claims[0], other}
	}},
	{name: "bad-signature", words: "is refused: INVALID_SIGNATURE", play: func(h *hostile, claims []*protocol.Claim) []*protocol.Claim {
		forged := forgeSignature(h.w, claims[0])
		h.showAll(h.write(forged, claims[1]))
		return []*protocol.Claim{forged}
	}},
	{name: "altered-entry", words: "are not those under the checkpoint", play: func(h *hostile, claims []*protocol.Claim) []*protocol.Claim {
		log := h.write(records(claims)...)
		other, err := h.w.claimOf(h.w.domains[0])
		h.w.must(err)
		entry, err := protocol.ParseEntry(log.lines[1])
		h.w.must(err)
		entry.Record = other.RecordHash()
		log.lines[1] = entry.Canonical()
		log.bodies[other.RecordHash()] = other
		h.showAll(log)
		return append(claims, other)
	}},
	{name: "other-checkpoint", words: "the checkpoint of 3 entries", play: func(h *hostile, claims []*protocol.Claim) []*protocol.Claim {
		log := h.write(records(claims)...)
		log.note = h.head(3, translog.Hash{1, 2, 3}, h.key)
		h.showAll(log)
		return nil
	}},
	{name: "wrong-signer", words: "signature of the log is missing or wrong", play: func(h *hostile, claims []*protocol.Claim) []*protocol.Claim {
		log := h.write(records(claims)...)
		c, err := translog.ParseCheckpoint(log.note, h.verifier())
		h.w.must(err)
		_, stranger, err := ed25519.GenerateKey(nil)
		h.w.must(err)
		log.note = h.head(3, c.Root, stranger)
		h.showAll(log)
		return nil
	}},
	{name: "going-back", words: "went back from 3 entries to 1", play: func(h *hostile, claims []*protocol.Claim) []*protocol.Claim {
		h.showAll(h.write(records(claims)...))
		return []*protocol.Claim{}
	}, then: func(h *hostile, claims []*protocol.Claim) {
		h.w.wantEverywhere(claims...)
		log := h.write(claims[0])
		log.lines = h.shownTo(0).entries(0, 1)
		h.sign(log)
		h.showAll(log)
		for _, i := range h.w.running() {
			h.hint(i, 100)
		}
	}},
	{name: "endless-body", words: "has more than", play: lying(func(w http.ResponseWriter, r *http.Request) { forever(w, r, bytes.Repeat([]byte("x\n"), 16<<10)) })},
	{name: "endless-line", words: "has more than", play: lyingAt("/log/entries", func(w http.ResponseWriter, r *http.Request) {
		forever(w, r, bytes.Repeat([]byte("{"), 32<<10))
	})},
	{name: "endless-records", words: "has more than", play: lyingAt("/records/fetch", func(w http.ResponseWriter, r *http.Request) {
		forever(w, r, bytes.Repeat([]byte("{"), 32<<10))
	})},
	{name: "compressed", words: "compressed", play: lying(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		forever(w, r, bomb())
	})},
	{name: "redirecting", words: "302", play: lying(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://10.1.2.3"+r.URL.Path, http.StatusFound)
	})},
	{name: "garbage", words: "lies", play: lying(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, rand.Reader, 4<<10) })},
	{name: "wrong-kind", words: "is refused: INVALID_SCHEMA", play: func(h *hostile, claims []*protocol.Claim) []*protocol.Claim {
		log := h.write(records(claims)...)
		entry, err := protocol.ParseEntry(log.lines[0])
		h.w.must(err)
		entry.Kind = protocol.KindObservation
		log.lines[0] = entry.Canonical()
		h.sign(log)
		h.showAll(log)
		return claims[:1]
	}},

	{name: "descriptor-garbage", unfound: true, words: "descriptor", play: lyingAt("/.well-known/mir-node.json", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.CopyN(w, rand.Reader, 4<<10)
	})},
	{name: "descriptor-endless", unfound: true, words: "it sent more than was asked for", play: lyingAt("/.well-known/mir-node.json", func(w http.ResponseWriter, r *http.Request) {
		forever(w, r, []byte("                                "))
	})},
	{name: "descriptor-redirect", unfound: true, words: "not allowed", play: lyingAt("/.well-known/mir-node.json", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1/", http.StatusFound)
	})},
	{name: "descriptor-network", unfound: true, words: "it is a node of the network production", play: described(func(d *protocol.DescriptorDraft) {
		d.Origin.Network = protocol.Production
	})},
	{name: "descriptor-expired", unfound: true, words: "its descriptor expired", play: described(func(d *protocol.DescriptorDraft) {
		d.Issued, d.ExpiresAt = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	})},
	{name: "descriptor-signer", unfound: true, words: "not signed by its domain", play: func(h *hostile, _ []*protocol.Claim) []*protocol.Claim {
		_, stranger, err := ed25519.GenerateKey(nil)
		h.w.must(err)
		h.describe(func(*protocol.DescriptorDraft) {}, stranger)
		return nil
	}},
	{name: "inside", words: "not public", play: func(h *hostile, claims []*protocol.Claim) []*protocol.Claim {
		h.w.must(cluster.UpdatePublished(h.w.c.State().Dir, func(p *cluster.Published) error {
			p.Domain("vault." + h.domain).Addresses = []netip.Addr{netip.MustParseAddr("10.1.2.3")}
			return nil
		}))
		h.describe(func(d *protocol.DescriptorDraft) { d.URL = "https://vault." + h.domain }, h.key)
		h.showAll(h.write(records(claims)...))
		return nil
	}},
}

// TestHostileLies: whatever a peer makes up, the nodes say what is wrong with it, serve nothing of it, and go on.
func TestHostileLies(t *testing.T) {
	var domains []string
	for _, c := range lieCases {
		domains = append(domains, c.name+".test")
	}
	w := startHostileWorld(t, cluster.Options{Nodes: 2}, domains...)
	var all []*told
	for _, c := range lieCases { // all lie at once
		all = append(all, w.tell(c))
	}
	for _, lie := range all {
		t.Run(lie.name, func(t *testing.T) { lie.wantFound(w.in(t, "shop-"+lie.name+".example")) })
	}
	w.wantConverging()
	w.wantSmall()
}

// told is a lie that is being told.
type told struct {
	lieCase
	h              *hostile
	claims, hidden []*protocol.Claim
}

// tell has a peer lie.
func (w *world) tell(c lieCase) *told {
	w.t.Helper()
	lie := &told{lieCase: c, h: w.newHostile(c.name + ".test"), claims: w.claims(3)}
	lie.hidden = c.play(lie.h, lie.claims)
	if lie.hidden == nil {
		lie.hidden = lie.claims
	}
	lie.h.publish()
	return lie
}

// wantFound waits until the lie is found out, and wants no harm done.
func (l *told) wantFound(w *world) {
	w.t.Helper()
	h := l.h
	h.w = w
	if !l.unfound {
		h.awaitAdmitted()
	}
	if l.then != nil {
		l.then(h, l.claims)
	}
	h.awaitWords(l.words)
	w.wantConverging()
	w.wantNowhere(l.hidden...)
	for _, i := range w.running() {
		if s, err := h.status(w.t.Context(), i); err != nil || s.Admitted == l.unfound {
			w.t.Errorf("%s: admitted %v: %s (%v)", w.node(i).Name, s.Admitted, s, err)
		}
	}
}

func records(claims []*protocol.Claim) (list []protocol.Record) {
	for _, c := range claims {
		list = append(list, c)
	}
	return list
}

// lyingAt answers a path with a lie, and else shows a good log of the claims.
func lyingAt(path string, lie http.HandlerFunc) func(h *hostile, claims []*protocol.Claim) []*protocol.Claim {
	return func(h *hostile, claims []*protocol.Claim) []*protocol.Claim {
		h.showAll(h.write(records(claims)...))
		h.lies(func(w http.ResponseWriter, r *http.Request) bool {
			lied := r.URL.Path == path
			if lied {
				lie(w, r)
			}
			return lied
		})
		return nil
	}
}

// lying answers everything but the descriptor with a lie.
func lying(lie http.HandlerFunc) func(h *hostile, claims []*protocol.Claim) []*protocol.Claim {
	return func(h *hostile, claims []*protocol.Claim) []*protocol.Claim {
		h.showAll(h.write(records(claims)...))
		h.lies(func(w http.ResponseWriter, r *http.Request) bool {
			lied := !strings.HasPrefix(r.URL.Path, "/.well-known/")
			if lied {
				lie(w, r)
			}
			return lied
		})
		return nil
	}
}

func described(change func(*protocol.DescriptorDraft)) func(*hostile, []*protocol.Claim) []*protocol.Claim {
	return func(h *hostile, _ []*protocol.Claim) []*protocol.Claim {
		h.describe(change, h.key)
		return nil
	}
}

// forgeSignature gives the claim a signature that is none.
func forgeSignature(w *world, claim *protocol.Claim) *protocol.Claim {
	w.t.Helper()
	var members map[string]any
	w.must(json.Unmarshal(claim.Raw(), &members))
	members["sig"] = strings.Repeat("A", 86)
	document, err := json.Marshal(members)
	w.must(err)
	forged, err := protocol.ParseClaim(document)
	w.must(err)
	return forged
}
