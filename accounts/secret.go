package accounts

import (
	"crypto/rand"
	"crypto/sha256"
	"strings"

	"mirnode/protocol"
)

// API keys: a prefix that names the network, and 43 letters and digits: log2(62^43) is 256 bits of chance. There is no other character in
// them, so that a double click takes one whole.
const (
	alphabet    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	secretChars = 43
	keyIDChars  = 12 // 71 bits: it names a key among an issuer's 32, and opens nothing
	keyIDPrefix = "key_"
)

// prefixes are those of API keys. The shortest is tried last: it begins the others too.
var prefixes = []struct {
	network protocol.Network
	prefix  string
}{
	{protocol.Staging, "mir_staging_"},
	{protocol.Development, "mir_dev_"},
	{protocol.Production, "mir_"},
}

// newSecret makes an API key of a network.
func newSecret(network protocol.Network) string {
	for _, p := range prefixes {
		if p.network == network {
			return p.prefix + randomText(secretChars)
		}
	}
	panic("accounts: no such network: " + string(network)) // New has checked it
}

// networkOf tells which network's form an API key has. ok is false for what is no API key.
func networkOf(secret string) (network protocol.Network, ok bool) {
	for _, p := range prefixes {
		rest, found := strings.CutPrefix(secret, p.prefix)
		if found && len(rest) == secretChars && strings.Trim(rest, alphabet) == "" {
			return p.network, true
		}
	}
	return "", false
}

// hashed is what is kept of an API key. A plain SHA-256 is enough: a secret of 256 random bits cannot be guessed, however fast one may try.
func hashed(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }

// randomText gives n characters of the alphabet, each as likely as any other.
func randomText(n int) string {
	const fair = 256 / len(alphabet) * len(alphabet) // bytes from here on would favour the first letters
	text, chance := make([]byte, 0, n), make([]byte, 2*n)
	for len(text) < n {
		_, _ = rand.Read(chance) // never fails: it ends the program instead
		for _, b := range chance {
			if int(b) < fair && len(text) < n {
				text = append(text, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(text)
}
