package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"mirnode/conformance/logread"
	"mirnode/conformance/peer"
)

// recorder has package logread ask through the case's client, so that the report has what was asked.
type recorder struct{ p *play }

// Do implements logread.Doer.
func (r recorder) Do(request *http.Request) (*http.Response, error) {
	var body []byte
	if request.Body != nil {
		var err error
		if body, err = io.ReadAll(request.Body); err != nil { // ours, and small
			return nil, err
		}
	}
	a, err := r.p.ask(request.Context(), sending{method: request.Method, url: request.URL.String(), header: request.Header, body: body, most: maxLongAnswer})
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)), Request: request}, nil
}

// jsonAnswer makes an answer of what a verb found out, for expect and save.
func jsonAnswer(v any) (*answer, error) {
	body, err := writeJSON(v)
	return &answer{status: http.StatusOK, header: http.Header{}, body: body}, err
}

// logArgs say which log is read where.
type logArgs struct {
	Node int `json:"node,omitzero"` // that is asked; 0 is the first, or the one that "each" is at
	// Of is whose log it is: a node's number, or the name of a peer that a step made; "" is the asked node's own. Another's is read from its mirror.
	Of text `json:"of,omitzero"`
}

// openLog finds the log's key and opens it.
func (p *play) openLog(ctx context.Context, args logArgs) (*logread.Log, error) {
	node, err := p.node(args.Node)
	if err != nil {
		return nil, err
	}
	key, own, err := p.logKey(ctx, args)
	if err != nil {
		return nil, err
	}
	url := node.URL + "/log"
	if !own {
		url = logread.MirrorURL(node.URL, key.Origin)
	}
	return logread.Open(logread.Options{URL: url, Key: key, Client: recorder{p}})
}

// logKey gives the key of a log: a peer's is the suite's own, a node's is asked of that node itself, once a case, and not of who mirrors it. Whether its
// domain publishes the same is for a case of its own.
func (p *play) logKey(ctx context.Context, args logArgs) (key logread.Key, own bool, err error) {
	asked, err := p.node(args.Node)
	if err != nil {
		return key, false, err
	}
	owner := asked
	if args.Of != "" {
		number, err := strconv.Atoi(string(args.Of))
		if err != nil {
			played, err := p.peerOf(string(args.Of))
			if err != nil {
				return key, false, err
			}
			return played.LogKey(), false, nil
		}
		if owner, err = p.node(number); err != nil {
			return key, false, err
		}
	}
	key, err = p.nodeKey(ctx, owner)
	return key, owner == asked, err
}

// nodeKey asks a node for its log's key.
func (p *play) nodeKey(ctx context.Context, node NodeAddress) (logread.Key, error) {
	known := "log key of " + node.URL
	if key, ok := p.vars[known].(logread.Key); ok {
		return key, nil
	}
	a, err := p.get(ctx, node.URL+"/node")
	if err != nil {
		return logread.Key{}, err
	}
	key, err := logread.ParseKey(a.text("log.key"))
	if err != nil {
		return key, fmt.Errorf("GET /node: log.key: %w%s", err, a.tail())
	}
	p.vars[known] = key
	return key, nil
}

// peerOf gives the suite's peer of the name that a step "peer" gave it.
func (p *play) peerOf(name string) (*peer.Peer, error) {
	o, ok := p.vars[name].(*object)
	if !ok || p.world.Peers == nil || p.world.Peers.Get(o.parts["domain"]) == nil {
		return nil, fmt.Errorf("%w: %q is no peer that a step named", errSteps, name)
	}
	return p.world.Peers.Get(o.parts["domain"]), nil
}

// checkpointArgs are the members of "checkpoint".
type checkpointArgs struct {
	logArgs
	As string `json:"as,omitzero"` // the name under which "consistent" finds it
}

// checkpoint reads a log's head and wants it to be signed by the log's key.
func checkpoint(ctx context.Context, p *play, args *checkpointArgs) error {
	log, err := p.openLog(ctx, args.logArgs)
	if err != nil {
		return err
	}
	c, err := log.Checkpoint(ctx)
	if err != nil {
		return err
	}
	if args.As != "" {
		p.vars[args.As] = c
	}
	p.answer, err = jsonAnswer(map[string]any{
		"origin": c.Origin, "size": c.Size, "root": fmt.Sprintf("%x", c.Root[:]), "note": string(c.Note), "cosigners": append([]string{}, c.Cosigners...),
		"key": log.Key().String(), "pub": publicText(log.Key()), "paths": tilePaths(c.Size),
	})
	return err
}

// tilePaths names tiles of a log of this size, below the log: its last ones, and the first that are not there.
func tilePaths(size int64) map[string]string {
	last, width := size>>logread.TileHeight, int(size&(1<<logread.TileHeight-1))
	paths := map[string]string{
		"beyond": logread.TilePath(0, last+1, 256), "beyondEntries": logread.BundlePath(last+1, 256), "beyondLevel": logread.TilePath(3, 0, 256),
		"wider": logread.TilePath(0, last, width+1), "widerEntries": logread.BundlePath(last, width+1),
	}
	if width > 0 {
		paths["partial"], paths["partialEntries"] = logread.TilePath(0, last, width), logread.BundlePath(last, width)
	}
	if last > 0 {
		paths["full"], paths["fullEntries"], paths["parent"] = logread.TilePath(0, last-1, 256), logread.BundlePath(last-1, 256), logread.TilePath(1, 0, int(min(last, 256)))
	}
	return paths
}

// readLog reads a log whole, in every way in which it is served, and wants all to be one.
func readLog(ctx context.Context, p *play, args *logArgs) error {
	log, err := p.openLog(ctx, *args)
	if err != nil {
		return err
	}
	c, err := log.Checkpoint(ctx)
	if err != nil {
		return err
	}
	entries, err := log.CheckAll(ctx, c)
	if err != nil {
		return err
	}
	kinds, seen, twice, back := map[string]int{}, map[[32]byte]int{}, []string{}, []int{}
	for i, e := range entries {
		kinds[e.Kind]++
		if seen[e.Record]++; seen[e.Record] == 2 {
			twice = append(twice, fmt.Sprintf("%x", e.Record))
		}
		if i > 0 && e.IngestedAt.Before(entries[i-1].IngestedAt) {
			back = append(back, i)
		}
	}
	p.answer, err = jsonAnswer(map[string]any{
		"origin": c.Origin, "size": c.Size, "kinds": kinds, "twice": twice[:min(len(twice), maxListed)], "backInTime": back[:min(len(back), maxListed)],
	})
	return err
}

// maxListed bounds lists of what is wrong.
const maxListed = 20

// includedArgs are the members of "included".
type includedArgs struct {
	logArgs
	Record string `json:"record"`         // hex
	Index  text   `json:"index,omitzero"` // where it must be; "": anywhere
	Since  string `json:"since,omitzero"` // a checkpoint before which nobody looks, by its name
}

// included looks a record up in a log's entries, and proves by tiles that it is where it is. A log that does not have it gives count 0.
func included(ctx context.Context, p *play, args *includedArgs) error {
	log, err := p.openLog(ctx, args.logArgs)
	if err != nil {
		return err
	}
	c, err := log.Checkpoint(ctx)
	if err != nil {
		return err
	}
	start := int64(0)
	if args.Since != "" {
		before, err := p.checkpointOf(args.Since)
		if err != nil {
			return err
		}
		start = min(before.Size, c.Size)
	}
	entries, err := log.Entries(ctx, start, c.Size)
	if err != nil {
		return err
	}
	found := map[string]any{"size": c.Size, "origin": c.Origin}
	count := 0
	for i, e := range entries {
		if fmt.Sprintf("%x", e.Record) != args.Record {
			continue
		}
		at := start + int64(i)
		if err := log.CheckIncluded(ctx, c, at, e.Line); err != nil {
			return err
		}
		if count++; count == 1 {
			found["index"], found["kind"], found["ingestedAt"], found["line"] = at, e.Kind, e.IngestedAt.Format("2006-01-02T15:04:05.000Z"), string(e.Line)
		}
	}
	found["count"] = count
	if args.Index != "" && fmt.Sprint(found["index"]) != string(args.Index) {
		return fmt.Errorf("the record %s stands at %v, and not at %s", args.Record, found["index"], args.Index)
	}
	p.answer, err = jsonAnswer(found)
	return err
}

func (p *play) checkpointOf(name string) (logread.Checkpoint, error) {
	c, ok := p.vars[name].(logread.Checkpoint)
	if !ok {
		return c, fmt.Errorf("%w: %q is no checkpoint that a step read", errSteps, name)
	}
	return c, nil
}

// consistentArgs are the members of "consistent".
type consistentArgs struct {
	logArgs
	Older string `json:"older"` // names of checkpoints
	Newer string `json:"newer"`
}

// consistent proves out of tiles that one checkpoint's tree begins with another's.
func consistent(ctx context.Context, p *play, args *consistentArgs) error {
	log, err := p.openLog(ctx, args.logArgs)
	if err != nil {
		return err
	}
	older, err := p.checkpointOf(args.Older)
	if err != nil {
		return err
	}
	newer, err := p.checkpointOf(args.Newer)
	if err != nil {
		return err
	}
	return log.CheckConsistent(ctx, older, newer)
}

// forkArgs are the members of "forkProven".
type forkArgs struct {
	logArgs
	Any bool `json:"any,omitzero"` // it is enough if one of the nodes has the proof
}

// forkProven wants a node to keep a proof that a log forked, and checks it by the log's key alone.
func forkProven(ctx context.Context, p *play, args *forkArgs) error {
	if !args.Any {
		return p.forkProvenAt(ctx, args.logArgs)
	}
	var failed error
	for i := range p.world.Nodes {
		err := p.forkProvenAt(ctx, logArgs{Node: i + 1, Of: args.Of})
		if err == nil {
			return nil
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

func (p *play) forkProvenAt(ctx context.Context, args logArgs) error {
	node, err := p.node(args.Node)
	if err != nil {
		return err
	}
	key, _, err := p.logKey(ctx, args)
	if err != nil {
		return err
	}
	forks, err := logread.Forks(ctx, recorder{p}, node.URL)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(forks, func(f logread.Fork) bool { return f.Origin == key.Origin })
	if i < 0 {
		return fmt.Errorf("%s keeps no proof that %s forked, but %d others", node.URL, key.Origin, len(forks))
	}
	return forks[i].Verify(key)
}

// headOf finds a log among the heads that a node tells of, and checks it.
func headOf(ctx context.Context, p *play, args *logArgs) error {
	node, err := p.node(args.Node)
	if err != nil {
		return err
	}
	key, _, err := p.logKey(ctx, *args)
	if err != nil {
		return err
	}
	heads, err := logread.Heads(ctx, recorder{p}, node.URL)
	if err != nil {
		return err
	}
	found := map[string]any{"count": 0, "logs": len(heads)}
	for _, h := range heads {
		if h.Origin != key.Origin {
			continue
		}
		c, err := h.Check(key)
		if err != nil {
			return err
		}
		found["count"], found["origin"], found["size"], found["root"], found["frozen"], found["note"] = 1, c.Origin, c.Size, h.Root, h.Frozen, strings.Clone(h.Checkpoint)
	}
	p.answer, err = jsonAnswer(found)
	return err
}

// publicText is a log's key as domains publish keys.
func publicText(k logread.Key) string { return encodePublic(k.Public) }
