package scenario

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"

	"mirnode/conformance/logread"
	"mirnode/protocol"
)

func encodePublic(public ed25519.PublicKey) string { return protocol.EncodePublicKey(public) }

// receiptArgs are the members of "receipt".
type receiptArgs struct {
	logArgs
	Receipt string `json:"receipt"`         // the text
	Record  string `json:"record,omitzero"` // hex; which record it must be about; "": any
	// Tamper makes a false receipt of it, in the place of verifying it: "index", "entry", "proof", "root", "size", "origin", "signature", "drop".
	Tamper string `json:"tamper,omitzero"`
	As     string `json:"as,omitzero"` // the name of the false one
}

// receipt verifies a receipt offline, with the log's key alone; or makes a false one, which does not verify.
func receipt(ctx context.Context, p *play, args *receiptArgs) error {
	key, _, err := p.logKey(ctx, args.logArgs)
	if err != nil {
		return err
	}
	r, err := logread.ParseReceipt([]byte(args.Receipt))
	if err != nil {
		return err
	}
	e, c, err := r.Verify(key)
	if err != nil {
		return err
	}
	if got := fmt.Sprintf("%x", e.Record); args.Record != "" && got != args.Record {
		return fmt.Errorf("the receipt is about the record %s, and not %s", got, args.Record)
	}
	if args.Tamper != "" {
		if err := p.makeFalse(args, key); err != nil {
			return err
		}
	}
	p.answer, err = jsonAnswer(map[string]any{
		"index": r.Index, "kind": e.Kind, "record": fmt.Sprintf("%x", e.Record), "ingestedAt": e.IngestedAt.Format("2006-01-02T15:04:05.000Z"),
		"origin": c.Origin, "size": c.Size, "root": fmt.Sprintf("%x", c.Root[:]), "hashes": len(r.Proof),
	})
	return err
}

// makeFalse makes a false receipt. It is the suite's own fault if it verifies.
func (p *play) makeFalse(args *receiptArgs, key logread.Key) error {
	text, err := tampered(args.Receipt, args.Tamper)
	if err != nil {
		return fmt.Errorf("%w: %w", errSteps, err)
	}
	if r, err := logread.ParseReceipt([]byte(text)); err == nil {
		if _, _, err := r.Verify(key); err == nil {
			return fmt.Errorf("%w: the receipt verifies with another %s", errSteps, args.Tamper)
		}
	}
	return p.make(args.As, &object{text: text, parts: map[string]string{}})
}

// tampered changes one part of a receipt and leaves its form as it is.
func tampered(receipt, what string) (string, error) {
	lines := strings.Split(receipt, "\n")
	empty := 3 // the line before the checkpoint
	for empty < len(lines) && lines[empty] != "" {
		empty++
	}
	if empty+6 > len(lines) {
		return "", fmt.Errorf("the receipt has %d lines", len(lines))
	}
	switch what {
	case "index":
		lines[2] += "0"
		if lines[2] == "index 00" {
			lines[2] = "index 1"
		}
	case "entry":
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
		if err != nil || len(raw) < 4 {
			return "", fmt.Errorf("the receipt's entry: %w", err)
		}
		digit := &raw[len(raw)-3] // the last of the record's hash
		if *digit == '0' {
			*digit = '1'
		} else {
			*digit = '0'
		}
		lines[1] = "extra " + base64.StdEncoding.EncodeToString(raw)
	case "proof":
		if empty == 3 {
			lines = append(lines[:3], append([]string{flipped(strings.Repeat("A", 43) + "=")}, lines[3:]...)...)
			break
		}
		lines[3] = flipped(lines[3])
	case "drop":
		if empty == 3 {
			return "", fmt.Errorf("the receipt of a log of one entry has no hash to drop")
		}
		lines = append(lines[:3], lines[4:]...)
	case "origin":
		lines[empty+1] = "x" + lines[empty+1]
	case "size":
		lines[empty+2] += "0"
	case "root":
		lines[empty+3] = flipped(lines[empty+3])
	case "signature":
		words := strings.Split(lines[empty+5], " ")
		last := words[len(words)-1]
		words[len(words)-1] = last[:20] + flipped(last[20:])
		lines[empty+5] = strings.Join(words, " ")
	default:
		return "", fmt.Errorf("a receipt has no %q", what)
	}
	return strings.Join(lines, "\n"), nil
}

// flipped changes the first digit of a base64 text.
func flipped(text string) string {
	if text[0] == 'A' {
		return "B" + text[1:]
	}
	return "A" + text[1:]
}
