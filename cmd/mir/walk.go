package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mirnode/cluster"
	"mirnode/discovery"
	"mirnode/protocol"
)

const (
	walkTimeout   = 10 * time.Second      // for one request
	walkPatience  = 30 * time.Second      // for what nodes do among themselves,
	nodePatience  = 2 * time.Second       // and so much more for each of them: in a large cluster, all that is new to each of them is work for one machine
	walkPoll      = 10 * time.Millisecond // how often it is looked whether they have done it,
	nodePoll      = 4 * time.Millisecond  // and so much less often for each of them
	maxNodeAnswer = 1 << 20               // bytes of a node's answer that the walk reads
)

// walk follows one claim through a cluster: from the key that vouches for it, over the nodes that share it, to a verdict that needs nobody's
// word. Every line that it prints comes from a real answer.
type walk struct {
	out        io.Writer
	paint      paint
	state      cluster.State
	node       cluster.Node   // where the claim is submitted
	others     []cluster.Node // where it is read, too
	discoverer *discovery.Discoverer
	documents  *http.Client // fetches well-known documents, by the rules for those
	api        *http.Client // speaks to the node
	run        clusterRun
	jsonTo     io.Writer // where the one document of --json goes

	// What the steps hand on.
	key      ed25519.PrivateKey
	found    protocol.DomainKey
	claim    *protocol.Claim
	accepted time.Time // when the node had taken it
	receipt  []byte
	entry    uint64 // its number in the node's log
	returned []byte // the claim as a node gave it back

	artifact  [32]byte // the SHA-256 of a file
	assertion string   // the ID of what was said of it
	result    walkResult

	// What an earlier cluster left in the folder.
	hadKey    bool
	published bool // the key is in one channel at least
}

// patience is how long the walk waits for the nodes.
func (w *walk) patience() time.Duration {
	return walkPatience + time.Duration(len(w.others))*nodePatience
}

// walkResult is what --json tells of the walk.
type walkResult struct {
	Passed bool   `json:"passed"`
	Claim  string `json:"claimId,omitempty"`
	// Reached tells after how long each of the other nodes had the claim, in milliseconds, by domain.
	Reached map[string]float64 `json:"reachedMs,omitempty"`
	Steps   []walkedStep       `json:"steps"`
}

type walkedStep struct {
	Step  string `json:"step"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

func newWalk(out io.Writer, state cluster.State, run clusterRun) (*walk, error) {
	settings, err := state.Discovery()
	if err != nil {
		return nil, err
	}
	w := &walk{out: out, jsonTo: out, paint: newPaint(out), state: state, node: state.Nodes[0], others: state.Nodes[1:], run: run, api: &http.Client{Timeout: walkTimeout}}
	if run.json {
		w.out = io.Discard
	}
	if w.documents, err = discovery.NewHTTPClient(settings); err != nil {
		return nil, err
	}
	w.discoverer, err = discovery.New(settings)
	return w, err
}

// Close lets go of the connections.
func (w *walk) Close() error {
	w.documents.CloseIdleConnections()
	w.api.CloseIdleConnections()
	return w.discoverer.Close()
}

// walk takes all steps, and stops at the first that fails.
func (w *walk) walk(ctx context.Context) error {
	w.introduce()
	if err := errors.Join(w.lookBack(), w.meet(ctx)); err != nil {
		return err
	}
	var failed error
	first, second := demoDomain+" makes a key", "It publishes the public key, where anyone can find it"
	if w.hadKey {
		first = demoDomain + " uses its key"
	}
	if w.published {
		second = "The public key is published already, where anyone can find it"
	}
	for i, step := range w.steps(first, second) {
		w.say("\n" + w.paint.bold(fmt.Sprintf("%d. %s", i+1, step.name)))
		err := step.do(ctx)
		walked := walkedStep{Step: step.name, OK: err == nil}
		if err != nil {
			failed = fmt.Errorf("step %d of the walk (%s) failed: %w", i+1, step.name, err)
			walked.Error = err.Error()
			w.result.Steps = append(w.result.Steps, walked)
			break
		}
		w.result.Steps = append(w.result.Steps, walked)
	}
	w.result.Passed = failed == nil
	return errors.Join(failed, w.reportJSON())
}

// step is one step of the walk.
type step struct {
	name string
	do   func(context.Context) error
}

// steps are all of them; what needs a second node is left out where there is none.
func (w *walk) steps(first, second string) []step {
	steps := []step{
		{first, w.makeKey},
		{second, w.publishKey},
		{"It signs a claim, about a customer whom it alone can name", w.signClaim},
		{"The claim is submitted to " + w.node.Domain + ", which finds the key and verifies", w.submit},
	}
	if len(w.others) > 0 {
		steps = append(steps, step{"It is read elsewhere: the others fetched it, and verified it themselves", w.readElsewhere})
	} else {
		steps = append(steps, step{"Anyone can find it, by its ID and by its subject", w.lookUp})
	}
	steps = append(steps,
		step{"One letter is changed, \"book\" to \"boot\", and a node refuses", w.tamper},
		step{"The receipt is checked here, with the key that " + w.node.Domain + " publishes", w.verifyReceipt})
	if len(w.others) > 0 {
		steps = append(steps,
			step{"The nodes keep an eye on each other", w.lookAtPeers},
			step{"The whole log of " + w.node.Domain + " is read back, from another node", w.verifyLog})
	}
	last := w.state.Nodes[len(w.state.Nodes)-1].Domain
	return append(steps,
		step{"Nobody has to trust the nodes: verified here, with the key from step 2", w.verifyOffline},
		step{"A news desk, at home at " + w.node.Domain + ", denies a video: \"this is not ours\"", w.speak},
		step{"Anyone with the file asks any node, here " + last + ", with its SHA-256 alone", w.lookUpFile})
}

// keyPath is the demo domain's private key.
func (w *walk) keyPath() string { return filepath.Join(w.state.Dir, demoDomain+".pem") }

// lookBack finds out what an earlier cluster left: that stays as it is.
func (w *walk) lookBack() error {
	if _, err := os.Stat(w.keyPath()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	w.hadKey = true
	key, err := demoKey(w.keyPath())
	if err != nil {
		return err
	}
	published, err := cluster.ReadPublished(w.state.Dir)
	if err != nil {
		return err
	}
	public := protocol.EncodePublicKey(key.Public().(ed25519.PublicKey))
	domain := published.Domains[demoDomain]
	w.published = domain != nil && slices.ContainsFunc(domain.Keys, func(k cluster.Key) bool { return k.Public == public })
	return nil
}
