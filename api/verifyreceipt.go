package api

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/discovery"
	"mirnode/protocol"
	"mirnode/translog"
)

// receiptHead is how a receipt begins (C2SP tlog-proof).
var receiptHead = []byte("c2sp.org/tlog-proof@")

// receiptAnswer tells what a receipt says.
type receiptAnswer struct {
	Origin  string          `json:"origin"`
	Index   uint64          `json:"index"`
	Size    uint64          `json:"size"`
	Root    string          `json:"root"`
	Entry   json.RawMessage `json:"entry"`
	Checked []string        `json:"checked"`
}

// verdictOnReceipt checks a receipt with the keys that its node's domain publishes.
func (a *API) verdictOnReceipt(c *gin.Context, document []byte) (verdictAnswer, error) {
	answer := verdictAnswer{Result: "REJECT", Kind: "receipt"}
	receipt, origin, refusal := readReceipt(document)
	if refusal != "" {
		return answer.refused(protocol.InvalidSchema, refusal, "send the text of the receipt exactly as it was answered"), nil
	}
	keys, report, err := a.logKeys(c, origin)
	if err != nil {
		return answer, err
	}
	for i := range keys {
		v, err := translog.NewVerifier(origin.String(), keys[i].Public)
		if err != nil {
			return answer, err
		}
		entry, head, err := receipt.Verify(v)
		switch {
		case err == nil:
			return acceptedReceipt(answer, &receipt, entry, head, report.foundKey(origin.Domain, keys[i])), nil
		case !errors.Is(err, translog.ErrSignature): // else another key may have signed it
			answer = answer.refused(protocol.InvalidSignature, "the proof does not hold: "+err.Error(), "the receipt was changed, or the log does not hold this entry")
		}
	}
	switch {
	case answer.Code != "":
		return answer, nil
	case report.unsure():
		return answer, &protocol.UnreachableError{Domain: origin.Domain, Err: errors.New("a channel does not answer, and no key of the other fits")}
	case len(keys) == 0:
		return answer.refused(protocol.KeyNotFound, origin.Domain+" publishes no keys", "the node's key is published like any key of a domain"), nil
	}
	return answer.refused(protocol.InvalidSignature, "the checkpoint is not signed by any key that "+origin.Domain+" publishes", "the receipt was changed, or the node's key was replaced since"), nil
}

// readReceipt reads a receipt, and whose log it is about; refusal says why it is none.
func readReceipt(document []byte) (receipt translog.Receipt, origin protocol.Origin, refusal string) {
	document = append(bytes.TrimRight(document, "\n"), '\n') // programs that take it out of an answer add a line's end
	receipt, err := translog.ParseReceipt(document)
	var name string
	if err == nil {
		name, err = translog.NoteOrigin(receipt.Checkpoint)
	}
	if err == nil {
		origin, err = protocol.ParseOrigin(name)
	}
	if err != nil {
		refusal = "this is not a receipt of a node: " + err.Error()
	}
	return receipt, origin, refusal
}

func acceptedReceipt(answer verdictAnswer, r *translog.Receipt, entry protocol.Entry, head translog.Checkpoint, key *keyAnswer) verdictAnswer {
	answer.Result, answer.Record, answer.Key = "ACCEPT", hex.EncodeToString(entry.Record[:]), key
	answer.Receipt = &receiptAnswer{Origin: head.Origin, Index: r.Index, Size: head.Size, Root: hex.EncodeToString(head.Root[:]), Entry: r.Entry, Checked: []string{
		"the checkpoint is signed by the key of " + head.Origin,
		fmt.Sprintf("the entry stands at index %d of the checkpoint's %d entries", r.Index, head.Size),
		"the entry commits to the record " + answer.Record,
	}}
	return answer
}

func (v verdictAnswer) refused(code protocol.Code, reason, hint string) verdictAnswer {
	v.Result, v.Code, v.Error, v.Hint = "REJECT", code, reason, hint
	return v
}

// keyReport is where the keys of a log were found; nil for the node's own.
type keyReport struct{ *discovery.Report }

// logKeys are the keys that may have signed a log: the node's own, or those that the domain publishes.
func (a *API) logKeys(c *gin.Context, origin protocol.Origin) ([]protocol.DomainKey, keyReport, error) {
	if name := origin.String(); name == a.origin && a.LogKey != "" {
		_, public, err := translog.ParseVerifierKey(a.LogKey)
		if err != nil {
			return nil, keyReport{}, err
		}
		return []protocol.DomainKey{{Public: public, Fingerprint: protocol.Fingerprint(public)}}, keyReport{}, nil
	}
	report, err := a.reportOn(c, origin.Domain)
	if err != nil {
		return nil, keyReport{}, err
	}
	return report.Keys, keyReport{report}, nil
}

// unsure tells whether a key may be published that was not seen, because a channel did not answer.
func (r keyReport) unsure() bool {
	return r.Report != nil && (r.WellKnown.Status == discovery.StatusUnreachable || r.DNS.Status == discovery.StatusUnreachable)
}

// foundKey tells of a key how it was found; nil for the node's own, which was not looked up.
func (r keyReport) foundKey(domain string, key protocol.DomainKey) *keyAnswer {
	if r.Report == nil {
		return nil
	}
	return &keyAnswer{Domain: domain, Fingerprint: key.Fingerprint, Channels: key.Channels, FetchedAt: r.FetchedAt.UTC().Truncate(time.Millisecond), DNSSEC: r.DNS.DNSSEC}
}

// statementKinds are the kinds of nodes' statements, each with what only it holds: it is in canonical form, so that these bytes stand in it exactly.
var statementKinds = []struct {
	kind protocol.Kind
	mark []byte
}{
	{protocol.KindObservation, []byte(`"mirObservation":1`)},
	{protocol.KindErasure, []byte(`"mirErasure":1`)},
	{protocol.KindDescriptor, []byte(`"mirNode":1`)},
	{protocol.KindIssuer, []byte(`"mirIssuer":1`)},
	{protocol.KindMetadata, []byte(`"mirAssertionMetadata":1`)},
}

// asStatement reads a document that is no claim as a node's statement; nil where it has nothing of one.
func asStatement(document []byte) (protocol.Statement, error) {
	for _, s := range statementKinds {
		if !bytes.Contains(document, s.mark) {
			continue
		}
		record, err := protocol.ParseRecord(s.kind, document)
		if err != nil {
			return nil, err
		}
		statement, ok := record.(protocol.Statement)
		if !ok {
			return nil, fmt.Errorf("a record of the kind %s is no statement", s.kind)
		}
		return statement, nil
	}
	return nil, nil
}

// verdictOnStatement verifies what a node signed.
func (a *API) verdictOnStatement(c *gin.Context, s protocol.Statement) (verdictAnswer, error) {
	ctx := c.Request.Context()
	domain, fingerprint := s.Signer()
	door, err := a.door(domain, fingerprint, clientKey(a.client(c)))
	if err != nil {
		return verdictAnswer{}, err
	}
	if err := door.enter(ctx); err != nil {
		return verdictAnswer{}, err
	}
	defer door.leave()
	verdict, err := a.Verifier.VerifyStatement(ctx, s)
	a.countVerdict(verdict, err)
	if err != nil {
		return verdictAnswer{}, err
	}
	answer, record := answerTo(verdict), s.RecordHash()
	answer.Kind, answer.Record = string(s.Kind()), hex.EncodeToString(record[:])
	return answer, nil
}
