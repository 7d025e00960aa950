package scenario_test

import (
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mirnode/conformance/peer"
	"mirnode/conformance/scenario"
	"mirnode/protocol"
)

// peerStage is a World with a node that takes hints, and with a peer of scenes of so many steps.
func peerStage(t *testing.T, steps int) (*scenario.World, *peer.Peer, http.Handler) {
	t.Helper()
	w := stage(t, 1, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	n := &noNames{}
	domain := peer.Domain(scene(make([]string, steps)...).ID, "", w.Suffix)
	var err error
	if w.Peers, err = peer.Start(n, []peer.Plan{{Domain: domain}}, peer.Options{}); err != nil {
		t.Fatal(err)
	}
	return w, w.Peers.Get(domain), n.handler
}

// logged reads the records of a peer's log, in order.
func logged(t *testing.T, served http.Handler) (records []protocol.Record) {
	t.Helper()
	ask := func(method, path, body string) []string {
		w := httptest.NewRecorder()
		served.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
		return strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	}
	for _, line := range ask(http.MethodGet, "/log/entries?start=0&end=100", "") {
		var entry struct{ Kind, Record string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		var given struct{ Kind, Body string }
		if err := json.Unmarshal([]byte(ask(http.MethodPost, "/records/fetch", `{"records":["`+entry.Record+`"]}`)[0]), &given); err != nil {
			t.Fatal(err)
		}
		record, err := protocol.ParseRecord(protocol.Kind(entry.Kind), []byte(given.Body))
		if err != nil || given.Kind != entry.Kind {
			t.Fatalf("a record of the kind %s, given as %s: %v", entry.Kind, given.Kind, err)
		}
		records = append(records, record)
	}
	return records
}

const observed = `"domain":"${domain:d1}","key":"alpha"`

// TestStatements: a peer signs what it is told to, in its own name or another's, with its key or another.
func TestStatements(t *testing.T) {
	assertion := "assertion_" + strings.Repeat("a", 64)
	for what, c := range map[string]struct {
		record  string
		kind    protocol.Kind
		signer  string // "": the peer
		network protocol.Network
		forged  bool // it does not verify under the peer's key
	}{
		"an issuer's record":  {record: `{"issuer":{"of":"i1"}}`, kind: protocol.KindIssuer},
		"a verified issuer's": {record: `{"issuer":{"of":"i1","status":"VERIFIED","revoked":"${nowms}"}}`, kind: protocol.KindIssuer},
		"an observation":      {record: `{"observation":{` + observed + `,"firstSeen":"${nowms-1h}","gone":true}}`, kind: protocol.KindObservation},
		"another's":           {record: `{"observation":{` + observed + `,"by":"other.example"}}`, kind: protocol.KindObservation, signer: "other.example"},
		"with another key":    {record: `{"observation":{` + observed + `,"with":"beta"}}`, kind: protocol.KindObservation, forged: true},
		"altered":             {record: `{"observation":{` + observed + `,"replace":[["\"gone\":false","\"gone\":true"]]}}`, kind: protocol.KindObservation, forged: true},
		"another network's":   {record: `{"observation":{` + observed + `,"network":"staging"}}`, kind: protocol.KindObservation, network: protocol.Staging},
		"an erasure notice":   {record: `{"erasure":{"record":"${hash:x}","claimDomain":"d.example","issued":"${nowms-1h}"}}`, kind: protocol.KindErasure},
		"an edit":             {record: `{"edit":{"assertion":"` + assertion + `","issuerId":"${i1.id}","metadata":{"displayName":"x"}}}`, kind: protocol.KindMetadata},
	} {
		t.Run(what, func(t *testing.T) {
			w, played, served := peerStage(t, 2)
			passes(t, w, `{"peer":{"as":"p","issuers":["i1"],"quiet":true}}`, `{"peer":{"as":"p","append":[`+c.record+`]}}`)
			records := logged(t, served)
			if len(records) != 1 || records[0].Kind() != c.kind {
				t.Fatalf("%v", records)
			}
			s := records[0].(protocol.Statement)
			if domain, _ := s.Signer(); domain != c.signer && (c.signer != "" || domain != played.Domain()) {
				t.Errorf("it is signed in the name of %s", domain)
			}
			if c.network == "" {
				c.network = played.Network()
			}
			public := played.Key().Public().(ed25519.PublicKey)
			if s.Network() != c.network || ed25519.Verify(public, s.Canonical(), s.Signature()) == c.forged {
				t.Errorf("of the network %s, and forged should be %v: %s", s.Network(), c.forged, s.Raw())
			}
		})
	}
}

// TestHostedIssuers: an issuer of a peer has records that follow each other, unless a step says otherwise, and signs assertions.
func TestHostedIssuers(t *testing.T) {
	w, played, served := peerStage(t, 6)
	passes(t, w, `{"peer":{"as":"p","issuers":["i1"],"append":[{"issuer":{"of":"i1"}}]}}`, `{"assertion":{"as":"a1"}}`, `{"keypair":{"as":"k2"}}`,
		`{"peer":{"as":"p","append":[{"kind":"assertion","signed":{"payload":"${a1.payload}","signature":"${a1.signature}","fingerprint":"${i1.fingerprint}"}},
			{"issuer":{"of":"i1","keys":["i1","k2"]}},{"issuer":{"of":"i1","sequence":1,"keys":["k2"]}}]}}`,
		`{"claim":{"as":"c1","domain":"${p.domain}","key":"p"}}`, `{"peer":{"as":"p","append":["${c1}"]}}`)
	records := logged(t, served)
	first, second, third := records[0].(*protocol.Issuer), records[2].(*protocol.Issuer), records[3].(*protocol.Issuer)
	said := records[1].(*protocol.Assertion)
	if err := second.Follows(first); err != nil || third.Follows(second) == nil || first.Home != played.Domain() {
		t.Errorf("the second record does not follow (%v), or the third does, or the home is %s", err, first.Home)
	}
	key, listed := first.Key(said.KeyFingerprint)
	if !listed || said.Payload.IssuerID != first.ID || !ed25519.Verify(key.Public, said.Signed, said.Signature()) {
		t.Errorf("its assertion does not verify: %s", said.Raw())
	}
	claim := records[4].(*protocol.Claim)
	if claim.Host() != played.Domain() || claim.KeyFingerprint != protocol.Fingerprint(played.Key().Public().(ed25519.PublicKey)) {
		t.Errorf("a claim of the peer's is %s", claim.Raw())
	}
}

// TestStatementsThatCannotBe: what a step gets wrong is said, and is no fault of the node's.
func TestStatementsThatCannotBe(t *testing.T) {
	w, _, _ := peerStage(t, 1)
	for _, record := range []string{
		`{"issuer":{"of":"i2"}}`, `{"issuer":{"of":"i1","keys":["k2"]}}`, `{"issuer":{"of":"i1","revoked":"soon"}}`, `{"issuer":{"of":"i1"},"erasure":{"record":"","claimDomain":""}}`,
		`{"erasure":{"record":"00","claimDomain":"d.example"}}`, `{"observation":{` + observed + `,"network":"moon"}}`, `{"observation":{` + observed + `,"firstSeen":"then"}}`,
		`{"observation":{` + observed + `,"replace":[["mirObservation","mirMirage"]]}}`, `{"edit":{"assertion":"x","issuerId":"y","metadata":{}}}`, `{"edit":{"assertion":"x","issuerId":"y","metadata":7}}`,
	} {
		fails(t, w, "the case is wrong", `{"peer":{"as":"p","issuers":["i1"],"append":[`+record+`]}}`)
	}
}
