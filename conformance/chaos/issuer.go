package chaos

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"mirnode/conformance/vectors"
	"mirnode/protocol"
)

// issuer is a domain that issues claims in a run.
type issuer struct {
	seed   string
	domain string
	key    ed25519.PrivateKey
}

func newIssuer(seed string, number int, suffix string) issuer {
	name := fmt.Sprintf("chaos%d", number+1)
	return issuer{seed: seed, domain: name + "." + suffix, key: vectors.Key(seed, name)}
}

func (is *issuer) public() ed25519.PublicKey {
	return is.key.Public().(ed25519.PublicKey) //nolint:forcetypeassert // an Ed25519 key's public half is one
}

// claim makes the claim with a number. Claims of other numbers or purposes have other subjects, and so other signatures.
func (is *issuer) claim(purpose string, number int, at time.Time) (*protocol.Claim, error) {
	metadata, err := json.Marshal(map[string]any{"purpose": purpose, "number": number})
	if err != nil {
		return nil, err
	}
	subject := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d", is.seed, purpose, number))
	draft := protocol.Draft{
		Type: "mir.transaction.completed", Domain: is.domain, Subject: hex.EncodeToString(subject[:]), Timestamp: at.UTC().Format(time.RFC3339), Metadata: metadata,
		KeyFingerprint: protocol.Fingerprint(is.public()),
	}
	return draft.Sign(is.key)
}

// altered is a claim that was changed after it was signed: it names another purpose.
func altered(c *protocol.Claim, purpose string) []byte {
	return bytes.Replace(c.Raw(), []byte(`"`+purpose+`"`), []byte(`"profit"`), 1)
}
