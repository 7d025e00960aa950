package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxSocketPath = 100      // bytes; systems allow 104 to 108
	maxOrderBytes = 64 << 10 // of an order
	maxStateBytes = 1 << 20  // of its answer
	maxOrders     = 16       // carried out at one time
	orderTimeout  = 5 * time.Second
	// orderAnswerTimeout is longer than the longest order takes: the start of a node.
	orderAnswerTimeout = startTimeout + MaxNodes*time.Second + orderTimeout
)

// Order is what a cluster's process can be told to do. Nodes are named node1, node1.test or 1.
type Order struct {
	Do      string     `json:"do"`                // start, stop, kill, pause, resume (Nodes); partition (Groups); cut (Nodes: two); heal, delay (Nodes: two, or none for all links)
	Nodes   []string   `json:"nodes,omitempty"`   // one after the other
	Groups  [][]string `json:"groups,omitempty"`  // of partition
	Reset   bool       `json:"reset,omitempty"`   // of partition and cut: break connections in the place of letting them hang
	DelayMs float64    `json:"delayMs,omitempty"` // of delay
}

// delay is DelayMs, held to what a link can have.
func (o Order) delay() time.Duration {
	return time.Duration(min(max(o.DelayMs, -1), milliseconds(maxDelay)+1) * float64(time.Millisecond))
}

// orderAnswer is what comes back.
type orderAnswer struct {
	Error string `json:"error,omitempty"`
	State *State `json:"state,omitempty"`
}

// Obey carries an order out.
func (c *Cluster) Obey(ctx context.Context, o Order) error {
	how := Silent
	if o.Reset {
		how = Reset
	}
	nodes, err := c.numbers(o.Nodes)
	if err != nil {
		return err
	}
	if one := c.ofNode(ctx, o.Do); one != nil {
		if len(nodes) == 0 {
			return fmt.Errorf("%s: which node?", o.Do)
		}
		for _, i := range nodes {
			if err := one(i); err != nil {
				return err
			}
		}
		return nil
	}
	switch {
	case o.Do == "partition":
		groups := make([][]int, len(o.Groups))
		for i, names := range o.Groups {
			if groups[i], err = c.numbers(names); err != nil {
				return err
			}
		}
		return c.Partition(groups, how)
	case len(nodes) != 2 && (len(nodes) != 0 || o.Do == "cut"):
		return fmt.Errorf("%s: a link is between two nodes", o.Do)
	case o.Do == "cut":
		return c.Cut(nodes[0], nodes[1], how)
	case o.Do == "heal" && len(nodes) == 0:
		return c.Heal()
	case o.Do == "heal":
		return c.HealLink(nodes[0], nodes[1])
	case o.Do == "delay" && len(nodes) == 0:
		return c.Delay(o.delay())
	case o.Do == "delay":
		return c.DelayLink(nodes[0], nodes[1], o.delay())
	}
	return fmt.Errorf("%q is no order", o.Do)
}

// ofNode gives what is done with one node; nil if the order is about something else.
func (c *Cluster) ofNode(ctx context.Context, do string) func(int) error {
	switch do {
	case "start":
		return func(i int) error { return c.Start(ctx, i) }
	case "stop":
		return c.Stop
	case "kill":
		return c.Kill
	case "pause":
		return c.Pause
	case "resume":
		return c.Resume
	}
	return nil
}

func (c *Cluster) numbers(names []string) ([]int, error) {
	numbers := make([]int, len(names))
	for i, name := range names {
		digits := strings.TrimSuffix(strings.TrimPrefix(name, "node"), ".test")
		number, err := strconv.Atoi(digits)
		if err != nil || number < 1 || number > len(c.members) {
			return nil, fmt.Errorf("there is no node %q: the cluster has node1 to node%d", name, len(c.members))
		}
		if slices.Contains(numbers[:i], number-1) {
			return nil, fmt.Errorf("%s stands twice", name)
		}
		numbers[i] = number - 1
	}
	return numbers, nil
}

// orderServer takes orders on a unix socket that only this user can open: one JSON document a connection, answered by one.
type orderServer struct {
	cluster  *Cluster
	listener net.Listener
	folder   string // of the socket, if it could not lie in the cluster's; "" otherwise
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup
	places   chan struct{}
}

func (c *Cluster) startOrders() (*orderServer, error) {
	s := &orderServer{cluster: c, places: make(chan struct{}, maxOrders)}
	path := filepath.Join(c.state.Dir, "control.sock")
	var err error
	if len(path) > maxSocketPath { // what a socket's path may be is little
		if s.folder, err = os.MkdirTemp("", "mir-control-"); err != nil {
			return nil, err
		}
		path = filepath.Join(s.folder, "control.sock")
	}
	_ = os.Remove(path) // a dead cluster's; we hold the folder's lock
	if s.listener, err = new(net.ListenConfig).Listen(context.Background(), "unix", path); err == nil {
		err = os.Chmod(path, 0o600) // and until here the folder's mode keeps others out
	}
	if err != nil {
		return nil, fmt.Errorf("listen for orders: %w", err)
	}
	c.state.Control = path
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.running.Go(s.accept)
	return s, nil
}

func (s *orderServer) accept() {
	for {
		connection, err := s.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(acceptPause)
			continue
		}
		select {
		case s.places <- struct{}{}:
		case <-s.ctx.Done():
			_ = connection.Close()
			return
		}
		s.running.Go(func() {
			defer func() { <-s.places }()
			s.serve(connection)
		})
	}
}

func (s *orderServer) serve(connection net.Conn) {
	defer func() { _ = connection.Close() }() // answered, or given up
	defer context.AfterFunc(s.ctx, func() { _ = connection.SetReadDeadline(time.Unix(1, 0)) })()
	_ = connection.SetReadDeadline(time.Now().Add(orderTimeout))
	var o Order
	decoder := json.NewDecoder(io.LimitReader(connection, maxOrderBytes))
	decoder.DisallowUnknownFields()
	var answer orderAnswer
	err := decoder.Decode(&o)
	if err == nil {
		err = s.cluster.Obey(s.ctx, o)
	}
	if err != nil {
		answer.Error = err.Error()
	} else {
		state := s.cluster.State()
		answer.State = &state
	}
	_ = connection.SetWriteDeadline(time.Now().Add(orderTimeout))
	_ = json.NewEncoder(connection).Encode(answer) // whoever asked may be gone
}

// Close ends what is carried out.
func (s *orderServer) Close() error {
	s.cancel()
	err := s.listener.Close()
	s.running.Wait()
	if s.folder != "" {
		err = errors.Join(err, os.RemoveAll(s.folder))
	}
	return err
}

// ErrRefused says that the cluster did not carry an order out; the error's text says why.
var ErrRefused = errors.New("refused")

// Send gives an order to the cluster that is up in the folder dir, waits until it is carried out, and returns the state after it. ErrNotRunning says
// that no cluster runs there; ErrRefused, that it could not do so.
func Send(ctx context.Context, dir string, o Order) (*State, error) {
	state, err := ReadState(dir)
	if err != nil {
		return nil, err
	}
	if state.Control == "" {
		return nil, fmt.Errorf("%w: only the names are run here (mir cluster names); the nodes run elsewhere, and are stopped and cut off there", ErrRefused)
	}
	connection, err := new(net.Dialer).DialContext(ctx, "unix", state.Control)
	if err != nil {
		return nil, fmt.Errorf("%s: %w (%w)", dir, ErrNotRunning, err)
	}
	defer func() { _ = connection.Close() }() // read to its end or given up
	defer context.AfterFunc(ctx, func() { _ = connection.SetDeadline(time.Unix(1, 0)) })()
	_ = connection.SetDeadline(time.Now().Add(orderAnswerTimeout))
	if err := json.NewEncoder(connection).Encode(o); err != nil {
		return nil, err
	}
	var answer orderAnswer
	if err := json.NewDecoder(io.LimitReader(connection, maxStateBytes)).Decode(&answer); err != nil {
		return nil, errors.Join(ctx.Err(), fmt.Errorf("no answer to the order: %w", err))
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("%w: %s", ErrRefused, answer.Error)
	}
	return answer.State, nil
}
