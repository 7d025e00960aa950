package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
)

// State is the content of cluster.json: how to reach every part of a cluster that is up. It is there from the moment when all
// parts answer to the moment when the cluster stops.
type State struct {
	Version   int       `json:"version"` // 1
	PID       int       `json:"pid"`     // of the process that holds the cluster
	StartedAt time.Time `json:"startedAt"`
	Dir       string    `json:"dir"` // absolute, as all paths here are
	DNS       string    `json:"dns"` // host:port, UDP and TCP
	// WellKnownAddress is host:port of the HTTPS server; WellKnownPort is its port, which takes the place of 443.
	WellKnownAddress string   `json:"wellKnownAddress"`
	WellKnownPort    int      `json:"wellKnownPort"`
	CAFile           string   `json:"caFile"`
	PublishedFile    string   `json:"publishedFile"`
	Domains          []string `json:"domains"` // that the cluster made itself: its nodes' first, then the demo domain; published.json has all
	Nodes            []Node   `json:"nodes"`
	Control          string   `json:"control"` // the unix socket where orders are taken (Send)
	// Partitions tells that links can be cut and slowed down on this machine: it needs the addresses 127.0.1.1 and up, which Linux has.
	Partitions bool   `json:"partitions"`
	Links      []Link `json:"links,omitempty"` // those that are cut or slowed down
	// Walking tells that the walk of `mir cluster` is under way: the nodes answer, and what the walk publishes may not be there yet.
	Walking bool `json:"walking,omitempty"`
}

// Node is one node of a cluster.
type Node struct {
	Name       string `json:"name"`
	Domain     string `json:"domain"`
	Status     Status `json:"status"`
	PID        int    `json:"pid"`              // 0: it does not run
	URL        string `json:"url"`              // its own listener, for users and scripts; the same when it comes back
	Operator   string `json:"operator"`         // URL of the operator listener
	PublicURL  string `json:"publicUrl"`        // where its peers reach it: https, through its edge
	Gossip     string `json:"gossip,omitempty"` // host:port of its edge's relay, UDP and TCP; "": it does not gossip
	Source     string `json:"source,omitempty"` // the address that it talks to its peers from; "": the system's choice
	KeyFile    string `json:"keyFile"`          // its private key, whose public half is published for its domain
	DataDir    string `json:"dataDir"`
	ConfigFile string `json:"configFile"`
	LogFile    string `json:"logFile"`
}

// Status says how a node is.
type Status string

// What a node can be.
const (
	Idle     Status = "idle" // was not started yet
	Starting Status = "starting"
	Running  Status = "running"
	Paused   Status = "paused"  // by Cluster.Pause: it is there and does nothing
	Stopped  Status = "stopped" // in order
	Killed   Status = "killed"  // by Cluster.Kill
	// Elsewhere is a node that runs by itself: see Service.
	Elsewhere Status = "elsewhere"
)

// stateVersion is raised when a field of cluster.json changes its meaning.
const stateVersion = 1

// ErrNotRunning says that no cluster runs on the folder.
var ErrNotRunning = errors.New("no cluster runs there")

// ErrFolder says that a folder cannot be a cluster's.
var ErrFolder = errors.New("no folder for a cluster")

// ReadState reads cluster.json of the folder dir, and reports ErrNotRunning if it is not there or its process is gone.
func ReadState(dir string) (*State, error) {
	s, err := readState(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && !alive(s.PID) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNotRunning)
	}
	return s, err
}

func readState(dir string) (*State, error) {
	data, err := os.ReadFile(statePath(dir))
	if err != nil {
		return nil, err
	}
	s := new(State)
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("%s: %w", statePath(dir), err)
	}
	if s.Version != stateVersion {
		return nil, fmt.Errorf("%s has version %d; this program reads version %d", statePath(dir), s.Version, stateVersion)
	}
	return s, nil
}

func (s *State) write() error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return renameio.WriteFile(statePath(s.Dir), append(data, '\n'), 0o600)
}

func statePath(dir string) string { return filepath.Join(dir, "cluster.json") }

// alive reports whether a process of that ID is there (a zombie is).
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// openFolder makes or takes over the cluster folder dir and locks it for this process.
func openFolder(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	ours := slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == lockName || e.Name() == "published.json" })
	if len(entries) > 0 && !ours {
		return nil, fmt.Errorf("%w: %s holds other things: name a new or empty folder, or one of an earlier cluster", ErrFolder, dir)
	}
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a folder: its owner must be able to enter it
		return nil, err
	}
	unlock, err = tryLockFile(filepath.Join(dir, lockName))
	if errors.Is(err, errLocked) {
		return nil, inUse(dir)
	}
	return unlock, err
}

const lockName = "cluster.lock"

// inUse is the error for a folder that a living cluster has.
func inUse(dir string) error {
	who := "another cluster"
	if s, err := readState(dir); err == nil {
		who = fmt.Sprintf("another cluster (process %d)", s.PID)
	}
	return fmt.Errorf("%s runs on %s: stop it first, or name another folder", who, dir)
}
