package node

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"github.com/google/renameio/v2"
)

// readyNote is what a ready file holds.
type readyNote struct {
	URL      string `json:"url"`
	Operator string `json:"operator"` // "" for none
	Gossip   string `json:"gossip"`   // "" for none
	PID      int    `json:"pid"`
}

// WriteReady writes the ready file, if one is configured, in one step: who sees it sees all of it. Call it once the node answers, or is about to: its
// listeners are bound after New, and what connects before Run waits.
func (n *Node) WriteReady() error {
	if n.config.ReadyFile == "" {
		return nil
	}
	note, err := json.Marshal(readyNote{URL: n.URL(), Operator: n.Operator(), Gossip: n.GossipAddress(), PID: os.Getpid()})
	if err != nil {
		return err
	}
	return renameio.WriteFile(n.config.ReadyFile, append(note, '\n'), 0o644)
}

// RemoveReady removes the ready file.
func (n *Node) RemoveReady() error {
	if n.config.ReadyFile == "" {
		return nil
	}
	if err := os.Remove(n.config.ReadyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
