package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"mirnode/discovery"
	"mirnode/protocol"
	"mirnode/verifier"
)

// closableKeys is a source of keys for one command.
type closableKeys struct {
	verifier.KeySource
	io.Closer
	lineWork lineWork // how to divide a stream of claims over it
}

type nothingToClose struct{}

func (nothingToClose) Close() error { return nil }

// addKeySourceFlags gives a command the flags that keySource reads.
func addKeySourceFlags(cmd *cobra.Command) {
	cmd.Flags().String("keys", "", "take the keys from this file (a map of names to key entries, or a mir.json) and touch no network")
	cmd.Flags().String("key-name", "", "of the file of --keys, take only the key with this name")
	addDiscoveryFlags(cmd)
}

// keySource returns the keys of --keys, or live discovery.
func keySource(cmd *cobra.Command) (closableKeys, error) {
	path, err := cmd.Flags().GetString("keys")
	if err != nil {
		return closableKeys{}, err
	}
	name, err := cmd.Flags().GetString("key-name")
	if err != nil {
		return closableKeys{}, err
	}
	if path != "" {
		keys, err := readKeys(cmd, path, name)
		if err != nil {
			return closableKeys{}, err
		}
		// The work is all computing: blocks of lines, a few for each core.
		return closableKeys{verifier.StaticKeys(keys...), nothingToClose{}, lineWork{perBlock: 64, ahead: 8}}, nil
	}
	if name != "" {
		return closableKeys{}, errors.New("--key-name picks a key of a file: name the file with --keys")
	}
	cfg, err := discoveryConfig(cmd)
	if err != nil {
		return closableKeys{}, err
	}
	live, err := discovery.New(cfg)
	if err != nil {
		return closableKeys{}, err
	}
	// A line may wait for a look-up: single lines, as many as there may be look-ups at once.
	return closableKeys{live, live, lineWork{perBlock: 1, ahead: discovery.DefaultMaxLookups}}, nil
}

// readKeys reads a file of keys; with a name, only the key of that name.
func readKeys(cmd *cobra.Command, path, name string) ([]protocol.DomainKey, error) {
	data, err := readFile(path, protocol.MaxKeyDocumentBytes)
	if err != nil {
		return nil, fmt.Errorf("--keys: %w", err)
	}
	file, err := protocol.ParseKeyFile(data)
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return nil, withHint(fmt.Sprintf("--keys %s: %s", path, e.Message), e.Hint)
	}
	if err != nil {
		return nil, fmt.Errorf("--keys %s: %w", path, err)
	}
	if len(file.Keys) == 0 && !holdsEntries(data) {
		return nil, withHint(fmt.Sprintf("--keys %s: the file holds no keys", path),
			"Give a mir.json, as `mir key publish` prints it, or an object that maps names to such entries.")
	}
	for _, problem := range file.Problems {
		note(cmd, "warning: %s: %s", path, problem)
	}
	var keys []protocol.DomainKey
	for _, k := range file.Keys {
		if name == "" || k.Name == name {
			k.Key.Channels = []protocol.Channel{protocol.File}
			keys = append(keys, k.Key)
		}
	}
	if name != "" && len(keys) == 0 && len(file.Problems) == 0 { // else it may be one that is ignored: a key that is none, not a slip
		return nil, fmt.Errorf("--key-name %q: %s has no usable key of that name", name, path)
	}
	return keys, nil
}

// holdsEntries reports whether a document is one of keys, usable or not, and no other file that was named by mistake.
func holdsEntries(data []byte) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) != nil {
		return false
	}
	var list []json.RawMessage
	if json.Unmarshal(members["keys"], &list) == nil && list != nil {
		return true
	}
	for _, member := range members {
		var entry struct {
			Public *json.RawMessage `json:"pub"`
		}
		if json.Unmarshal(member, &entry) == nil && entry.Public != nil {
			return true
		}
	}
	return false
}
