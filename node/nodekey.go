package node

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"

	"mirnode/internal/pemfile"
	"mirnode/protocol"
)

// nodeKeyName is the node's key in its data folder, where node_key names no other.
const nodeKeyName = "node-key.pem"

func (c *Config) nodeKeyPath() string {
	if c.NodeKey != "" {
		return c.NodeKey
	}
	return filepath.Join(c.DataDir, nodeKeyName)
}

// openNodeKey reads the node's key: its domain publishes it, and it signs the log and the node's statements. Only where no file was named is a key made.
func (c *Config) openNodeKey(logger *slog.Logger) (ed25519.PrivateKey, error) {
	path := c.nodeKeyPath()
	key, err := pemfile.ReadPrivateKey(path)
	if c.NodeKey == "" && errors.Is(err, fs.ErrNotExist) {
		return makeNodeKey(path, logger)
	}
	if err != nil {
		return nil, fmt.Errorf("node_key: %w", err)
	}
	if pemfile.ReadableByOthers(path) {
		logger.Warn("the node's key can be read by others than its owner; mend it with chmod 600", "file", path)
	}
	return key, nil
}

func makeNodeKey(path string, logger *slog.Logger) (ed25519.PrivateKey, error) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	if err := pemfile.WriteKey(path, key); err != nil {
		return nil, fmt.Errorf("node_key: %w", err)
	}
	logger.Info("made the node's key: publish it for the node's domain, so that others can check the node's log",
		"file", path, "txt", protocol.KeyRecord(public))
	return key, nil
}
