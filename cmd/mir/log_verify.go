package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"
	sumdb "golang.org/x/mod/sumdb/note"
	"golang.org/x/term"

	"mirnode/protocol"
	"mirnode/translog"
)

// logVerification is what `mir log verify` is asked to do.
type logVerification struct {
	records    bool
	noTiles    bool
	remembered string // file of the last verified checkpoint
}

func newLogVerifyCommand() *cobra.Command {
	var o logVerification
	cmd := &cobra.Command{
		Use:   "verify [NODE-URL]",
		Short: "Re-read a whole log and check all of it",
		Long: "Reads every entry of a node's log, or of its mirror of another log, and recomputes the Merkle tree from the entries alone. Checks that\n" +
			"each entry is in its exact form, that the root is the one that the log's key signed, and that every tile that is served is the one that\n" +
			"the entries make. Nothing is taken on the node's word. With --records also that the body of each entry is there and is what the entry\n" +
			"commits to. With --checkpoint that the log still contains the head that was verified the last time: two runs catch a log that rewrites\n" +
			"its history, and hold the proof.\n\n" +
			"Exit code 0: all is as it should be. 1: something is not. 3: the node or the key cannot be reached.",
		Example: `  mir log verify https://node1.example.com --checkpoint node1.checkpoint
  mir log verify https://node2.example.com --mirror node1.example.com/mir --records`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := newLogKeys(cmd)
			if err != nil {
				return err
			}
			defer keys.Close()
			source, err := openLog(cmd, args)
			if err != nil {
				return err
			}
			report, err := o.run(cmd, source, keys)
			return report.finish(cmd, err)
		},
	}
	cmd.Flags().BoolVar(&o.records, "records", false, "also read and check the body of each entry")
	cmd.Flags().BoolVar(&o.noTiles, "no-tiles", false, "do not read the tiles, only the entries: half the requests")
	cmd.Flags().StringVar(&o.remembered, "checkpoint", "", "file that remembers the verified checkpoint, and is compared the next time")
	addLogFlags(cmd)
	return cmd
}

// logReport is the outcome of re-reading a log.
type logReport struct {
	Result  string                   `json:"result"` // ACCEPT, REJECT or UNREACHABLE
	Fault   string                   `json:"fault,omitzero"`
	Error   string                   `json:"error,omitzero"`
	Hint    string                   `json:"hint,omitzero"`
	Fork    *translog.Fork           `json:"fork,omitzero"` // the proof, where the log shows another history than before
	Node    string                   `json:"node"`
	Head    *reportedHead            `json:"head,omitzero"`
	Entries uint64                   `json:"entries"`
	Kinds   map[protocol.Kind]uint64 `json:"kinds,omitzero"`
	First   time.Time                `json:"first,omitzero"`
	Last    time.Time                `json:"last,omitzero"`
	Tiles   uint64                   `json:"tiles"`
	Bytes   uint64                   `json:"bytes"`
	Records *recordsReport           `json:"records,omitzero"`
	Known   *uint64                  `json:"containsRemembered,omitzero"` // size of the remembered head
}

// run makes the checks. The error is a *translog.Finding, a *rejection, or why there is no verdict.
func (o logVerification) run(cmd *cobra.Command, source *logSource, keys *logKeys) (logReport, error) {
	report := logReport{Node: source.client.base.Redacted()}
	key, v, checkpoint, err := source.head(cmd.Context(), keys)
	if err != nil {
		return report, err
	}
	report.Head = keys.newReportedHead(cmd.Context(), checkpoint, key)
	known, err := o.recall(v)
	if err != nil {
		return report, err
	}
	records := &recordCheck{source: source}
	options := translog.AuditOptions{CheckTiles: !o.noTiles, Parallel: logReaders, Known: known}
	if o.records {
		options.Entry = records.add
	}
	show := newLogProgress(cmd.ErrOrStderr())
	options.Progress = show.count
	audited, err := translog.Audit(cmd.Context(), source, v, options)
	if err == nil && o.records {
		if err = records.flush(cmd.Context()); err == nil {
			err = records.verdict()
		}
	}
	show.end()
	report.add(audited)
	if o.records {
		report.Records = &records.report
	}
	if err != nil {
		return report, o.told(cmd.Context(), err)
	}
	if known != nil {
		report.Known = &known.Size
	}
	if o.remembered != "" {
		err = renameio.WriteFile(o.remembered, checkpoint.Note, 0o644)
	}
	return report, err
}

// told gives a resource that is not there as the finding that it is.
func (o logVerification) told(ctx context.Context, err error) error {
	if gone, ok := errors.AsType[*notThere](err); ok && ctx.Err() == nil {
		return &rejection{fault: "missing", message: gone.Error() + ", which its signed head commits to"}
	}
	return err
}

// recall reads the checkpoint that was verified the last time; nil when there is none yet.
func (o logVerification) recall(v sumdb.Verifier) (*translog.Checkpoint, error) {
	if o.remembered == "" {
		return nil, nil
	}
	data, err := readFile(o.remembered, translog.MaxCheckpointBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("--checkpoint: %w", err)
	}
	known, err := translog.ParseCheckpoint(data, v)
	if err != nil {
		return nil, withHint(fmt.Sprintf("--checkpoint %s: it is no checkpoint of %s: %v", o.remembered, v.Name(), err), "Name a file for each log.")
	}
	return &known, nil
}

func (r *logReport) add(a translog.AuditReport) {
	r.Entries, r.Kinds, r.First, r.Last, r.Tiles, r.Bytes = a.Entries, a.Kinds, a.First, a.Last, a.Tiles, a.Bytes
}

// finish prints the report and gives the command's end.
func (r logReport) finish(cmd *cobra.Command, err error) error {
	if found, ok := errors.AsType[*translog.Finding](err); ok {
		r.Fork = found.Fork
		rejected := &rejection{fault: string(found.Kind), message: found.Error()}
		if r.Fork != nil {
			rejected.hint = "The log signed both: --json prints the proof, which anybody can check."
		}
		err = rejected
	}
	end, result, said := verdictOf(err)
	if end != nil && end.err != nil {
		return end
	}
	r.Result = result
	if said != nil {
		r.Fault, r.Error, r.Hint = said.fault, said.message, said.hint
	}
	if wantsJSON(cmd) {
		err = printJSON(cmd.OutOrStdout(), r)
	} else {
		err = r.print(cmd.OutOrStdout())
	}
	if err != nil || end == nil {
		return err
	}
	return end
}

// print tells the outcome, and what was checked, to a person.
func (r logReport) print(out io.Writer) error {
	b := &strings.Builder{}
	about := "the log of " + r.Node
	if r.Head != nil {
		about = r.Head.Origin + " at " + r.Node
	}
	b.WriteString(verdictLine(out, r.Result, about))
	line := func(label, format string, args ...any) {
		fmt.Fprintf(b, "  %-10s%s\n", label, printable(fmt.Sprintf(format, args...)))
	}
	if r.Error != "" {
		line("reason", "%s", r.Error)
	}
	if r.Hint != "" {
		line("hint", "%s", r.Hint)
	}
	if r.Head != nil {
		line("head", "%s, root %s", entryCount(r.Head.Size), r.Head.Root)
		line("signed", "by the key %s, found %s", r.Head.Key.Fingerprint, r.Head.Key.found())
		for _, c := range r.Head.Cosigners {
			line("cosigned", "by %s", c)
		}
	}
	if r.Entries > 0 {
		line("entries", "%s read, each in its exact form: %s", entryCount(r.Entries), kindsText(r.Kinds))
		line("from", "%s to %s", r.First.Format(time.RFC3339), r.Last.Format(time.RFC3339))
	}
	if r.Tiles > 0 {
		line("tiles", "%d read, each the one that the entries make", r.Tiles)
	}
	if r.Result == "ACCEPT" {
		line("root", "recomputed from the entries alone: the signed one")
	}
	if c := r.Records; c != nil {
		line("records", "%d there and what their entries say, %d erased, %d missing, %d of unknown kinds", c.Checked, c.Erased, c.Missing, c.Unknown)
	}
	if r.Known != nil {
		line("history", "contains the remembered head of %s", entryCount(*r.Known))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// kindsText lists the kinds of entries, the most frequent first.
func kindsText(kinds map[protocol.Kind]uint64) string {
	names := slices.SortedFunc(maps.Keys(kinds), func(a, b protocol.Kind) int {
		if kinds[a] != kinds[b] {
			return int(min(kinds[b], 1<<30)) - int(min(kinds[a], 1<<30))
		}
		return strings.Compare(string(a), string(b))
	})
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = fmt.Sprintf("%d %s", kinds[name], name)
	}
	return strings.Join(parts, ", ")
}

// logProgress tells on a terminal how far the reading is.
type logProgress struct {
	out          io.Writer
	terminal     bool
	began, shown time.Time
}

func newLogProgress(out io.Writer) *logProgress {
	file, ok := out.(*os.File)
	return &logProgress{out: out, terminal: ok && term.IsTerminal(int(file.Fd())), began: time.Now()}
}

func (p *logProgress) count(done, total uint64) {
	if !p.terminal || time.Since(p.shown) < progressEvery {
		return
	}
	p.shown = time.Now()
	rate := float64(done) / max(time.Since(p.began).Seconds(), 0.001)
	fmt.Fprintf(p.out, "\r\x1b[K%d of %s (%.0f %%, %.0f/s)", done, entryCount(total), 100*float64(done)/float64(max(total, 1)), rate)
}

// end clears the line.
func (p *logProgress) end() {
	if p.terminal && !p.shown.IsZero() {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
