package protocol

import (
	"crypto/ed25519"
	"strings"
)

// Sign makes a claim out of the draft. The same draft and key always give the same
// claim, whose Raw is its canonical form with the sig in its place.
//
// It refuses what a conformant signer must not make: mir. types other than the
// [CoreTypes], metadata that looks like it holds an e-mail address, a phone number or an
// ID number, and claims whose two canonical forms differ, since not every verifier would
// accept them. It also refuses a key other than the one that KeyFingerprint names. The
// error is an [*Error].
func (d *Draft) Sign(key ed25519.PrivateKey) (*Claim, error) {
	fingerprint, err := d.signingFingerprint(key)
	if err != nil {
		return nil, err
	}
	c, metadata, err := d.unsigned(fingerprint)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(d.Type, corePrefix) && !strings.Contains(d.Type, ":") && !IsCoreType(d.Type) {
		return nil, refuse(InvalidSchema, "use one of "+strings.Join(coreTypes[:], ", ")+"; or a type of your own, such as your-domain.com:category.action",
			"type %s is not defined by the protocol, which reserves the prefix %s", quote(d.Type), corePrefix)
	}
	if metadata != nil {
		if err := screenMetadata(*metadata); err != nil {
			return nil, err
		}
	}
	if err := c.refuseAmbiguous(); err != nil {
		return nil, err
	}
	c.Sig = base64url.EncodeToString(ed25519.Sign(key, c.text))
	return ParseClaim(c.withSig())
}

// signingFingerprint checks the key, and returns its fingerprint.
func (d *Draft) signingFingerprint(key ed25519.PrivateKey) (string, error) {
	fingerprint, err := signingFingerprint(key)
	if err != nil {
		return "", err
	}
	if d.KeyFingerprint != "" && d.KeyFingerprint != fingerprint {
		return "", refuse(KeyNotFound, "sign with the key that keyFingerprint names, or leave keyFingerprint out",
			"the draft names the key %s, but the key at hand is %s", clip(d.KeyFingerprint), fingerprint)
	}
	return fingerprint, nil
}

// signingFingerprint checks a key, and returns its fingerprint.
func signingFingerprint(key ed25519.PrivateKey) (string, error) {
	const hint = "make a new key pair, or read the key again from where it is kept"
	if len(key) != ed25519.PrivateKeySize {
		return "", refuse(KeyNotFound, hint, "the private key has %d bytes instead of %d", len(key), ed25519.PrivateKeySize)
	}
	// Signing with halves that do not belong together gives the private key away.
	if !ed25519.NewKeyFromSeed(key.Seed()).Equal(key) {
		return "", refuse(KeyNotFound, hint, "the private key's two halves do not belong together")
	}
	return Fingerprint(key.Public().(ed25519.PublicKey)), nil
}

func (c *Claim) refuseAmbiguous() error {
	if c.sdkFault != nil {
		return refuse(CanonicalizationError, numberHint,
			"verifiers that use the reference SDK would not accept the signature: %s", c.sdkFault.Message)
	}
	if c.sdk != nil {
		return refuse(CanonicalizationError,
			"use names that are not integers and have no characters from U+E000 up, and write numbers from 1e21 up and 1e-7 down as strings",
			"the claim's metadata has two canonical forms, so that verifiers that use the reference SDK would not accept the signature")
	}
	return nil
}
