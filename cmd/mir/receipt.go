package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mirnode/protocol"
	"mirnode/translog"
)

// maxReceiptInput bounds what is read as a receipt: the text, or a node's answer that holds it and a little more.
const maxReceiptInput = 4 * translog.MaxReceiptBytes

func newReceiptCommand(streams) *cobra.Command {
	return commandGroup("receipt", "Check what nodes promised", newReceiptVerifyCommand())
}

func newReceiptVerifyCommand() *cobra.Command {
	var claim string
	cmd := &cobra.Command{
		Use:   "verify [RECEIPT|-]",
		Short: "Verify a receipt against the node's published key",
		Long: "A receipt is a node's promise that it keeps a record: the entry in the node's log, the proof that it stands there, and the log's signed\n" +
			"head (C2SP tlog-proof). It is checked here, against the node's public key and nothing else: the signature, the proof, the entry. With\n" +
			"--claim also that the entry is about that very claim. Given --" + flagLogKey + ", it works offline; else the key is looked up in the node's domain.\n\n" +
			"The receipt is the text itself, or the JSON answer of POST /claims or GET /log/proof that holds it.\n\n" +
			"Exit code 0: the receipt holds. 1: it does not. 3: the key cannot be looked up now.",
		Example: `  mir receipt verify claim.tlog-proof --claim claim.json --key node1.example.com/mir+5f3c1a90+AQkN…
  mir claim submit --json claim.json > answer.json && mir receipt verify answer.json --claim claim.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := newLogKeys(cmd)
			if err != nil {
				return err
			}
			defer keys.Close()
			data, err := readInput(cmd, onlyArg(args), maxReceiptInput)
			if err != nil {
				return err
			}
			var document *protocol.Claim
			if claim != "" {
				if document, err = readClaim(cmd, claim); err != nil {
					return err
				}
			}
			report, err := verifyReceipt(cmd, keys, data, document)
			return report.finish(cmd, err, onlyArg(args))
		},
	}
	cmd.Flags().StringVar(&claim, "claim", "", "file of the claim that the receipt should be about")
	addLogKeyFlags(cmd)
	return cmd
}

// readClaim reads a claim from a file.
func readClaim(cmd *cobra.Command, name string) (*protocol.Claim, error) {
	document, err := readDocument(cmd, name)
	if err != nil {
		return nil, err
	}
	claim, err := protocol.ParseClaim(document)
	if err != nil {
		return nil, refused(cmd, err)
	}
	return claim, nil
}

// reportedEntry is a log's entry in a report.
type reportedEntry struct {
	IngestedAt time.Time     `json:"ingestedAt"`
	Kind       protocol.Kind `json:"kind"`
	Record     string        `json:"record"`
}

func newReportedEntry(e protocol.Entry) *reportedEntry {
	return &reportedEntry{e.IngestedAt, e.Kind, hex.EncodeToString(e.Record[:])}
}

// receiptReport is the outcome of checking a receipt.
type receiptReport struct {
	Result    string             `json:"result"` // ACCEPT, REJECT or UNREACHABLE
	Fault     string             `json:"fault,omitzero"`
	Error     string             `json:"error,omitzero"`
	Hint      string             `json:"hint,omitzero"`
	Origin    string             `json:"origin,omitzero"`
	Index     *uint64            `json:"index,omitzero"`
	Entry     *reportedEntry     `json:"entry,omitzero"`
	ClaimID   string             `json:"claimId,omitzero"` // of --claim, when the entry is about it
	Size      uint64             `json:"size,omitzero"`    // of the signed head
	Root      string             `json:"root,omitzero"`
	Key       *reportedLogKey    `json:"key,omitzero"`
	Cosigners []reportedCosigner `json:"cosigners,omitzero"`
}

// verifyReceipt makes the checks. The error is a *rejection, or why there is no verdict.
func verifyReceipt(cmd *cobra.Command, keys *logKeys, data []byte, claim *protocol.Claim) (receiptReport, error) {
	var report receiptReport
	text, err := receiptText(data)
	if err != nil {
		return report, err
	}
	receipt, err := translog.ParseReceipt(text)
	if err != nil {
		return report, &rejection{fault: "form", message: err.Error(), hint: "A receipt starts with the line c2sp.org/tlog-proof@v1, and every byte of it counts."}
	}
	if report.Origin, err = translog.NoteOrigin(receipt.Checkpoint); err != nil {
		return report, &rejection{fault: "form", message: err.Error()}
	}
	key, v, checkpoint, err := keys.of(cmd.Context(), report.Origin, receipt.Checkpoint)
	if err != nil {
		return report, err
	}
	report.Key = key.reported()
	report.Key.VerifierKey = translog.VerifierKey(report.Origin, key.key.Public)
	report.Size, report.Root, report.Cosigners = checkpoint.Size, hex.EncodeToString(checkpoint.Root[:]), keys.cosignersOf(cmd.Context(), checkpoint)
	entry, _, err := receipt.Verify(v)
	if err != nil {
		fault := "proof"
		if errors.Is(err, translog.ErrMalformed) {
			fault = "form"
		}
		return report, &rejection{fault: fault, message: err.Error()}
	}
	report.Index, report.Entry = &receipt.Index, newReportedEntry(entry)
	if end := key.key.Expires; !end.IsZero() && entry.IngestedAt.After(end) {
		return report, &rejection{fault: "key", message: fmt.Sprintf("the key expired on %s, before the entry was made", date(end))}
	}
	if claim != nil {
		if entry.Kind != claim.Kind() || entry.Record != claim.RecordHash() {
			return report, &rejection{fault: "claim", message: "the receipt holds, but it is not about this claim",
				hint: fmt.Sprintf("The claim's record is %x, and the entry's another.", claim.RecordHash())}
		}
		report.ClaimID = claim.ID()
	}
	return report, nil
}

// receiptText finds the receipt in what was read: the text itself, or JSON with a member that holds it.
func receiptText(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		if len(data) > 0 && data[len(data)-1] != '\n' {
			data = append(data, '\n') // lost on the way through an editor
		}
		return data, nil
	}
	var answer struct {
		Receipt string `json:"receipt"`
	}
	if err := json.Unmarshal(data, &answer); err != nil || answer.Receipt == "" {
		return nil, &rejection{fault: "form", message: "the JSON holds no receipt", hint: `A node that keeps a log answers a submission with a member "receipt".`}
	}
	return []byte(answer.Receipt), nil
}

// finish prints the report and gives the command's end.
func (r receiptReport) finish(cmd *cobra.Command, err error, name string) error {
	end := r.conclude(err)
	if end != nil && end.err != nil {
		return end
	}
	if wantsJSON(cmd) {
		err = printJSON(cmd.OutOrStdout(), r)
	} else {
		err = r.print(cmd.OutOrStdout(), name)
	}
	if err != nil || end == nil {
		return err
	}
	return end
}

// conclude writes the verdict into the report.
func (r *receiptReport) conclude(err error) *exit {
	end, result, fault := verdictOf(err)
	r.Result = result
	if fault != nil {
		r.Fault, r.Error, r.Hint = fault.fault, fault.message, fault.hint
	}
	return end
}

// verdictOf tells the outcome of a check: the exit (nil on success; with an error in it where there was no check at all), the word for it, and
// what is said.
func verdictOf(err error) (*exit, string, *rejection) {
	if err == nil {
		return nil, "ACCEPT", nil
	}
	if rejected, ok := errors.AsType[*rejection](err); ok {
		return &exit{code: exitRejected}, "REJECT", rejected
	}
	if _, ok := errors.AsType[*protocol.UnreachableError](err); ok {
		return &exit{code: exitUnreachable}, resultUnreachable, &rejection{message: err.Error(), hint: "This is no verdict: try again, or give the key with --" + flagLogKey + "."}
	}
	if already, ok := errors.AsType[*exit](err); ok {
		return already, "", nil
	}
	return &exit{code: exitMisuse, err: err}, "", nil
}

// verdictLine is the first line of a report for a person.
func verdictLine(out io.Writer, result, about string) string {
	p := newPaint(out)
	switch result {
	case "ACCEPT":
		return p.green("ACCEPT") + "  " + printable(about) + "\n"
	case resultUnreachable:
		return p.yellow("NO VERDICT") + "  " + printable(about) + "\n"
	default:
		return p.red("REJECT") + "  " + printable(about) + "\n"
	}
}

// print tells the outcome to a person.
func (r receiptReport) print(out io.Writer, name string) error {
	if name == stdinName {
		name = "standard input"
	}
	b := &strings.Builder{}
	b.WriteString(verdictLine(out, r.Result, name))
	line := func(label, format string, args ...any) {
		fmt.Fprintf(b, "  %-10s%s\n", label, printable(fmt.Sprintf(format, args...)))
	}
	if r.Error != "" {
		line("reason", "%s", r.Error)
	}
	if r.Hint != "" {
		line("hint", "%s", r.Hint)
	}
	if r.Entry != nil {
		line("entry", "%d of %s, a %s taken in at %s", *r.Index, r.Origin, r.Entry.Kind, r.Entry.IngestedAt.Format(time.RFC3339Nano))
		line("record", "%s", r.Entry.Record)
	}
	if r.ClaimID != "" {
		line("claim", "%s", r.ClaimID)
	}
	if r.Key != nil {
		line("signed", "a head of %s, by the key %s", entryCount(r.Size), r.Key.Fingerprint)
		line("found", "%s", r.Key.found())
	}
	for _, c := range r.Cosigners {
		line("cosigned", "by %s", c)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
