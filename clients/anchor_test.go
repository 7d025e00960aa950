package clients_test

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"testing"

	"mirnode/cluster"
	"mirnode/protocol"
)

// TestDomainStandsBehindAKey: an issuer that shows its domain, and publishes its key there like any domain's key, is shown as verified and anchored by both nodes,
// each of which asked the DNS itself. One that did neither stands as its home says.
func TestDomainStandsBehindAKey(t *testing.T) {
	w := startWorld(t, 2)
	artifact := artifactOf("anchored")
	assert := func(i *issuer, kind string) {
		payload := i.payload(artifact, kind)
		i.mustAssert(submission([]byte(payload), i.keys.sign([]byte(payload))))
	}
	anchored := w.newIssuer(0, "Anchored", openSSL(t, ed25519Name))
	w.publishKey("news.test", anchored.keys.public.(string))
	anchored.verifyDomain("news.test")
	assert(anchored, "ISSUED_BY")
	assert(w.newIssuer(0, "Not anchored", openSSL(t, ed25519Name)), "METHOD")

	for node := range 2 {
		w.await(fmt.Sprintf("%s saw the domain", w.node(node).Name), func(ctx context.Context) error {
			found, err := w.lookUp(ctx, node, artifact)
			if err != nil {
				return err
			}
			if len(found.Assertions) != 2 {
				return fmt.Errorf("it shows %d assertions", len(found.Assertions))
			}
			for _, a := range found.Assertions {
				status, anchor := "UNVERIFIED", "home"
				if a.Issuer.ID == anchored.ID {
					status, anchor = "VERIFIED", "domain"
				}
				if a.Issuer.Status != status || a.Issuer.Verified != (status == "VERIFIED") || a.Anchor != anchor {
					return fmt.Errorf("want %s, %s of %+v", status, anchor, a)
				}
			}
			return nil
		})
	}
}

// publishKey publishes a public key, in PEM, for a domain.
func (w *world) publishKey(domain, public string) {
	w.t.Helper()
	block, _ := pem.Decode([]byte(public))
	if block == nil {
		w.t.Fatalf("no PEM: %s", public)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err == nil {
		err = cluster.UpdatePublished(w.c.State().Dir, func(p *cluster.Published) error {
			p.Domain(domain).SetKey(cluster.Key{
				Public: protocol.EncodePublicKey(key.(ed25519.PublicKey)), Channels: []protocol.Channel{protocol.DNS, protocol.WellKnown},
			})
			return nil
		})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}
