package gossip

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/hashicorp/memberlist"
)

// maxKeys bounds the keys of the hint channel: more than two are only needed while keys are changed.
const maxKeys = 16

// ParseKeys reads a file of the consortium's keys for the hint channel: one key a line, 16, 24 or 32 bytes in base64; empty lines and
// lines that start with # are passed over. The first key encrypts, all decrypt, so that keys can be changed one node at a time.
// The error names the line, and not what stands in it.
func ParseKeys(file []byte) ([][]byte, error) {
	var keys [][]byte
	number := 0
	for line := range strings.Lines(string(file)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || memberlist.ValidateKey(key) != nil {
			return nil, fmt.Errorf("line %d is no key: write 32 random bytes in base64, as `openssl rand -base64 32` gives them", number)
		}
		if keys = append(keys, key); len(keys) > maxKeys {
			return nil, fmt.Errorf("more than %d keys", maxKeys)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("there is no key in it: write 32 random bytes in base64 a line")
	}
	return keys, nil
}
