package federation_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"mirnode/protocol"
)

// head is what a node holds of a log.
type head struct {
	Origin     string `json:"origin"`
	Size       uint64 `json:"size"`
	Root       string `json:"root"`
	Checkpoint string `json:"checkpoint"`
	Frozen     bool   `json:"frozen"`
}

// heads lists what the i-th node holds of each log, by origin.
func (w *world) heads(ctx context.Context, i int) (map[string]head, error) {
	all := make(map[string]head)
	for since := ""; ; {
		var answer struct {
			Heads []head `json:"heads"`
			Next  string `json:"next"`
		}
		if err := w.read(ctx, i, "/log/heads?since="+since, &answer); err != nil {
			return nil, err
		}
		for _, h := range answer.Heads {
			all[h.Origin] = h
		}
		if answer.Next == since || len(answer.Heads) == 0 {
			return all, nil
		}
		since = answer.Next
	}
}

// wrong are the gauges that are zero at a node that has all that it heard of, and found nothing wrong with it.
var wrong = []string{
	"mir_log_unsettled_entries", "mir_log_quarantined_records", "mir_log_missing_records", "mir_log_refused_records", "mir_log_frozen", "mir_log_forks", "mir_peer_lag_entries",
}

// inOrder complains of a node that waits for anything, has refused anything or has a log frozen.
func (w *world) inOrder(ctx context.Context, i int) error {
	metrics, err := w.metrics(ctx, i)
	if err != nil {
		return err
	}
	for series, value := range metrics {
		name, _, _ := strings.Cut(series, "{")
		for _, gauge := range wrong {
			if name == gauge && value != 0 {
				err = errors.Join(err, fmt.Errorf("%s: %s is %g", w.node(i).Name, series, value))
			}
		}
	}
	return err
}

// agree complains while the nodes do not all hold the same heads, of the logs of all of them at least, and are not all in order.
func (w *world) agree(ctx context.Context, nodes []int) error {
	var first map[string]head
	for _, i := range nodes {
		heads, err := w.heads(ctx, i)
		if err != nil {
			return err
		}
		if first == nil {
			first = heads
		}
		if len(heads) != len(first) {
			return fmt.Errorf("%s holds %d logs, %s %d", w.node(i).Name, len(heads), w.node(nodes[0]).Name, len(first))
		}
		for origin, h := range heads {
			if other := first[origin]; other.Size != h.Size || other.Root != h.Root {
				return fmt.Errorf("of %s, %s holds %d entries (%.8s), %s %d (%.8s)", origin, w.node(i).Name, h.Size, h.Root, w.node(nodes[0]).Name, other.Size, other.Root)
			}
		}
	}
	for _, i := range nodes {
		if _, ok := first[w.origin(i).String()]; !ok {
			return fmt.Errorf("nobody holds the log of %s", w.node(i).Name)
		}
		if err := w.inOrder(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// awaitAgreement waits until agree has no complaint.
func (w *world) awaitAgreement(nodes []int) {
	w.t.Helper()
	w.await("all nodes agree", func(ctx context.Context) error { return w.agree(ctx, nodes) })
}

// entry is an entry of a log as it is served.
type entry struct {
	Kind   protocol.Kind `json:"kind"`
	Record string        `json:"record"`
}

// prefix is where the i-th node serves a log.
func (w *world) prefix(i int, origin string) (string, error) {
	if origin == w.origin(i).String() {
		return "/log", nil
	}
	o, err := protocol.ParseOrigin(origin)
	hash := o.Hash()
	return "/mirror/" + hex.EncodeToString(hash[:]), err
}

// entries reads all that the i-th node has of a log, as lines and read.
func (w *world) entries(ctx context.Context, i int, origin string) (lines [][]byte, all []entry, err error) {
	prefix, err := w.prefix(i, origin)
	if err != nil {
		return nil, nil, err
	}
	for {
		status, answer, err := w.do(ctx, http.MethodGet, i, fmt.Sprintf("%s/entries?start=%d&end=%d", prefix, len(all), len(all)+4096), nil)
		if err != nil || status != http.StatusOK {
			return nil, nil, fmt.Errorf("entries of %s at %s: %d %w %.200s", origin, w.node(i).Name, status, err, answer)
		}
		if len(answer) == 0 {
			return lines, all, nil
		}
		for line := range bytes.Lines(answer) {
			var e entry
			if err := json.Unmarshal(line, &e); err != nil {
				return nil, nil, err
			}
			lines, all = append(lines, bytes.TrimSuffix(line, []byte("\n"))), append(all, e)
		}
	}
}

// bodies asks the i-th node for records, and gives what it says of each.
func (w *world) bodies(ctx context.Context, i int, records []string) (map[string]string, error) {
	all := make(map[string]string, len(records))
	for at := 0; at < len(records); {
		body, err := json.Marshal(map[string]any{"records": records[at:min(at+1000, len(records))]})
		if err != nil {
			return nil, err
		}
		status, answer, err := w.do(ctx, http.MethodPost, i, "/records/fetch", body)
		if err != nil || status != http.StatusOK || len(answer) == 0 {
			return nil, fmt.Errorf("records of %s: %d %w %.200s", w.node(i).Name, status, err, answer)
		}
		for line := range bytes.Lines(answer) {
			all[records[at]] = string(line)
			at++
		}
	}
	return all, nil
}

// wantSameRecords holds the nodes, which agree, to having the same records: every one that the entries of any log commit to, byte for byte. It
// returns the hashes.
func (w *world) wantSameRecords(nodes []int) map[string]bool {
	w.t.Helper()
	ctx := w.t.Context()
	heads, err := w.heads(ctx, nodes[0])
	w.must(err)
	var records []string
	known := make(map[string]bool)
	for origin, h := range heads {
		_, entries, err := w.entries(ctx, nodes[0], origin)
		if err != nil || uint64(len(entries)) < h.Size {
			w.t.Fatalf("%d of %d entries of %s: %v", len(entries), h.Size, origin, err)
		}
		for _, e := range entries {
			if !known[e.Record] {
				known[e.Record], records = true, append(records, e.Record)
			}
		}
	}
	first, err := w.bodies(ctx, nodes[0], records)
	w.must(err)
	for record, line := range first {
		if strings.Contains(line, `"missing":true`) {
			w.t.Errorf("%s does not have record %s", w.node(nodes[0]).Name, record)
		}
	}
	w.must(eachNode(nodes[1:], func(i int) error {
		others, err := w.bodies(ctx, i, records)
		for record, line := range others {
			if line != first[record] {
				err = errors.Join(err, fmt.Errorf("record %s: %s says %s, %s says %s", record, w.node(i).Name, line, w.node(nodes[0]).Name, first[record]))
			}
		}
		return err
	}))
	return known
}

// wantVerified runs `mir log verify --records` for each node's log at each node.
func (w *world) wantVerified(nodes []int) {
	w.t.Helper()
	w.must(eachNode(nodes, func(i int) error {
		var failed error
		for _, of := range nodes {
			args := []string{"log", "verify", w.node(i).URL, "--records"}
			if of != i {
				args = append(args, "--mirror", w.origin(of).String())
			}
			if out, err := w.mir(args...); err != nil {
				failed = errors.Join(failed, fmt.Errorf("mir %s: %w\n%s", strings.Join(args, " "), err, out))
			}
		}
		return failed
	}))
}

// wantClaims wants each of the claims at each of the nodes, byte for byte, verified under a key that the node found itself.
func (w *world) wantClaims(nodes []int, claims []*protocol.Claim) {
	w.t.Helper()
	w.wantClaimsBy(nodes, claims, "discovery")
}

// wantClaimsBy is wantClaims where the key may have come in another way, too.
func (w *world) wantClaimsBy(nodes []int, claims []*protocol.Claim, ways ...string) {
	w.t.Helper()
	w.must(eachNode(nodes, func(i int) error {
		var failed error
		for _, claim := range claims {
			f, err := w.lookUp(w.t.Context(), i, claim)
			if err == nil && !slices.Contains(ways, f.Verified.By) {
				err = fmt.Errorf("%s: claim %s is verified by %q", w.node(i).Name, claim.ID(), f.Verified.By)
			}
			if failed = errors.Join(failed, err); failed != nil {
				break // one is enough to look at
			}
		}
		return failed
	}))
}
