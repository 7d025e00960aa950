package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"mirnode/protocol"
	"mirnode/translog"
)

const flagMirror = "mirror"

func newLogCommand(streams) *cobra.Command {
	return commandGroup("log", "Read and check nodes' logs", newLogVerifyCommand(), newLogForksCommand(), newLogCheckpointCommand())
}

// addLogFlags gives a command the flags that openLog and newLogKeys read.
func addLogFlags(cmd *cobra.Command) {
	cmd.Flags().String(flagMirror, "", "instead of the node's own log, its mirror of this one, such as node2.example.com/mir")
	addNodeFlags(cmd)
	addLogKeyFlags(cmd)
}

// nodeArgument lets a command take the node's URL as its argument as well as by --node.
func nodeArgument(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.Flags().Changed(flagNode) {
		return fmt.Errorf("the node is named twice: as the argument and with --%s", flagNode)
	}
	return cmd.Flags().Set(flagNode, args[0])
}

// openLog makes a source of the log that the arguments and flags name.
func openLog(cmd *cobra.Command, args []string) (*logSource, error) {
	if err := nodeArgument(cmd, args); err != nil {
		return nil, err
	}
	mirror, err := cmd.Flags().GetString(flagMirror)
	if err != nil {
		return nil, err
	}
	client, err := newNodeClient(cmd)
	if err != nil {
		return nil, err
	}
	if mirror == "" {
		return newLogSource(client, ownLog, ""), nil
	}
	origin, err := protocol.ParseOrigin(mirror)
	if refusal, ok := errors.AsType[*protocol.Error](err); ok {
		return nil, withHint(fmt.Sprintf("--%s %q: %s", flagMirror, mirror, refusal.Message), refusal.Hint)
	}
	hash := origin.Hash()
	return newLogSource(client, "mirror/"+hex.EncodeToString(hash[:]), origin.String()), err
}

// entryCount is a number of entries in words.
func entryCount(n uint64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// reportedHead is a log's signed head in a report.
type reportedHead struct {
	Origin    string             `json:"origin"`
	Size      uint64             `json:"size"`
	Root      string             `json:"root"`
	Key       *reportedLogKey    `json:"key"`
	Cosigners []reportedCosigner `json:"cosigners"`
}

func (k *logKeys) newReportedHead(ctx context.Context, c translog.Checkpoint, key logKey) *reportedHead {
	head := &reportedHead{c.Origin, c.Size, hex.EncodeToString(c.Root[:]), key.reported(), k.cosignersOf(ctx, c)}
	head.Key.VerifierKey = translog.VerifierKey(c.Origin, key.key.Public)
	return head
}

func newLogCheckpointCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "checkpoint [NODE-URL]",
		Short: "Get and verify the signed head of a log",
		Long: "Prints a log's checkpoint (C2SP tlog-checkpoint) as the node serves it, when its log's key signed it, and on the error stream what it says.\n" +
			"Keep it: nobody can show you another history later without being caught, see `mir log verify --checkpoint`.",
		Example: "  mir log checkpoint https://node1.example.com > node1.checkpoint",
		Args:    cobra.MaximumNArgs(1),
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
			return runLogCheckpoint(cmd, source, keys)
		},
	}
	addLogFlags(cmd)
	return cmd
}

func runLogCheckpoint(cmd *cobra.Command, source *logSource, keys *logKeys) error {
	key, _, checkpoint, err := source.head(cmd.Context(), keys)
	if err != nil {
		return asExit(err)
	}
	head := keys.newReportedHead(cmd.Context(), checkpoint, key)
	if wantsJSON(cmd) {
		return printJSON(cmd.OutOrStdout(), struct {
			*reportedHead
			Checkpoint string `json:"checkpoint"`
		}{head, string(checkpoint.Note)})
	}
	if err := writeData(cmd.OutOrStdout(), checkpoint.Note); err != nil {
		return err
	}
	note(cmd, "A head of %s of %s, signed by the key %s, found %s.", entryCount(head.Size), head.Origin, head.Key.Fingerprint, head.Key.found())
	for _, c := range head.Cosigners {
		note(cmd, "Cosigned by %s.", c)
	}
	return nil
}

// asExit ends a command that prints no report with a rejection, or without a verdict.
func asExit(err error) error {
	end, _, said := verdictOf(err)
	if end == nil {
		return nil
	}
	if said != nil {
		end.err = withHint(said.message, said.hint)
	}
	return end
}

const (
	maxForks     = 1000          // in one answer
	resultProven = "PROVEN"      // of a fork: both heads are signed, and cannot both be
	resultFalse  = "FALSE"       // of a fork: it proves nothing
	resultOpen   = "NOT CHECKED" // of a fork: the log's key cannot be had
)

func newLogForksCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "forks [NODE-URL]",
		Short: "List the logs that a node caught showing two histories, and verify each proof",
		Long: "Lists the fork proofs that a node keeps: two signed heads of one log that cannot both be. Each is verified here, against the key of the\n" +
			"log that forked: the node cannot make one up.\n\n" +
			"Exit code 0: every proof holds, or there is none. 1: a proof is false. 3: the node or a key cannot be reached.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := newLogKeys(cmd)
			if err != nil {
				return err
			}
			defer keys.Close()
			if err := nodeArgument(cmd, args); err != nil {
				return err
			}
			client, err := newNodeClient(cmd)
			if err != nil {
				return err
			}
			return runLogForks(cmd, client, keys)
		},
	}
	addNodeFlags(cmd)
	addLogKeyFlags(cmd)
	return cmd
}

// reportedFork is a fork proof in a report.
type reportedFork struct {
	Origin  string          `json:"origin"`
	FoundAt time.Time       `json:"foundAt,omitzero"`
	FoundBy string          `json:"foundBy,omitzero"`
	Result  string          `json:"result"`
	Error   string          `json:"error,omitzero"`
	Sizes   []uint64        `json:"sizes,omitzero"` // of the two heads
	Proof   json.RawMessage `json:"proof"`
}

func runLogForks(cmd *cobra.Command, client *nodeClient, keys *logKeys) error {
	answer, err := client.ask(cmd.Context(), http.MethodGet, "/log/forks", nil, "", nil)
	if err != nil {
		return err
	}
	if err := answer.err(); err != nil {
		return err
	}
	var list struct {
		Forks []reportedFork `json:"forks"`
	}
	if err := decodeAnswer(answer.body, &list); err != nil {
		return err
	}
	if len(list.Forks) > maxForks {
		return &exit{exitUnreachable, fmt.Errorf("%w: %d forks", errWrongAnswer, len(list.Forks))}
	}
	var end error
	for i := range list.Forks {
		fork := &list.Forks[i]
		if err := fork.verify(cmd, keys); err != nil {
			return err
		}
		switch {
		case fork.Result == resultFalse:
			end = &exit{code: exitRejected}
		case fork.Result == resultOpen && end == nil:
			end = &exit{code: exitUnreachable}
		}
	}
	if err := printForks(cmd, list.Forks, client); err != nil {
		return err
	}
	return end
}

// verify judges one proof. The error says that the command cannot go on.
func (f *reportedFork) verify(cmd *cobra.Command, keys *logKeys) error {
	sizes, err := f.prove(cmd.Context(), keys)
	switch end, _, said := verdictOf(err); {
	case end == nil:
		f.Result, f.Sizes = resultProven, sizes
	case said == nil:
		return err
	case end.code == exitUnreachable:
		f.Result, f.Error = resultOpen, said.message
	default:
		f.Result, f.Error = resultFalse, said.message
	}
	return nil
}

// prove checks the proof with the key of the log that it is about, and gives the sizes of the two heads.
func (f *reportedFork) prove(ctx context.Context, keys *logKeys) ([]uint64, error) {
	falsehood := func(message string) ([]uint64, error) { return nil, &rejection{fault: "proof", message: message} }
	var proof translog.Fork
	if err := proof.UnmarshalJSON(f.Proof); err != nil {
		return falsehood(err.Error())
	}
	if proof.Origin != f.Origin {
		return falsehood("it is about " + proof.Origin)
	}
	_, v, first, err := keys.of(ctx, proof.Origin, proof.First)
	if err != nil {
		return nil, err
	}
	if err := proof.Verify(v); err != nil {
		return falsehood(err.Error())
	}
	second, err := translog.ParseCheckpoint(proof.Second, v)
	return []uint64{first.Size, second.Size}, err
}

func printForks(cmd *cobra.Command, forks []reportedFork, client *nodeClient) error {
	if wantsJSON(cmd) {
		if forks == nil {
			forks = []reportedFork{}
		}
		return printJSON(cmd.OutOrStdout(), struct {
			Forks []reportedFork `json:"forks"`
		}{forks})
	}
	if len(forks) == 0 {
		note(cmd, "The node %s knows of no fork.", client.base.Host)
	}
	p := newPaint(cmd.OutOrStdout())
	for _, f := range forks {
		result := p.red(f.Result)
		text := f.Error
		if f.Result == resultProven {
			result = p.bold(f.Result)
			text = fmt.Sprintf("it signed two heads that cannot both be, of %s and of %s", entryCount(f.Sizes[0]), entryCount(f.Sizes[1]))
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s  %s  %s\n  found by %s at %s\n", result, printable(f.Origin), printable(text),
			printable(f.FoundBy), f.FoundAt.Format(time.RFC3339))
	}
	return nil
}
