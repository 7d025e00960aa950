package scenario

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"mirnode/conformance/cases"
	"mirnode/conformance/names"
	"mirnode/protocol"
)

// nodeVerifier takes the verdicts of nodes.
type nodeVerifier struct{ world *World }

// NodeVerifier takes verdicts on claims from the World's nodes: each case at one of them. The node is asked twice, since both must judge alike: POST /verify, and POST /claims,
// after which what was refused must not be there, and what was accepted must be there byte for byte. It publishes what the case's domain publishes; where the nodes do not see
// the suite's names, somebody else must have. Safe for concurrent use.
func (w *World) NodeVerifier() interface {
	Verify(ctx context.Context, c *cases.Case) cases.Finding
} {
	w.prepare()
	return nodeVerifier{w}
}

// Verify implements conformance.Verifier.
func (v nodeVerifier) Verify(ctx context.Context, c *cases.Case) (found cases.Finding) {
	w := v.world
	switch {
	case c.Verdict == nil:
		return cases.Finding{Skipped: "the case asks for no verdict"}
	case len(w.Nodes) == 0:
		return cases.Finding{Skipped: "there is no node"}
	}
	started := w.Now()
	p := newPlay(w, c)
	defer func() {
		found.Exchanges, found.Duration = p.exchanges.list(), w.Now().Sub(started)
		w.secrets.clean(&found)
	}()
	if err := p.publishVerdict(c.Verdict); err != nil {
		return cases.Finding{Message: "publish the domain's keys: " + err.Error()}
	}
	node := w.Nodes[nodeOf(c.ID, len(w.Nodes))]
	said, a, err := p.verdict(ctx, node, c.Verdict)
	if err != nil {
		return cases.Finding{Message: err.Error()}
	}
	input, choice := *c.Verdict, ""
	if c.Requirement.Level == cases.May { // either is right; what the node says here must hold there
		input.Expect, choice = said.verdict(), said.choice()
	}
	if err := same("POST /verify", &input, said, a); err != nil {
		return cases.Finding{Message: err.Error()}
	}
	if want := c.Verdict.Form; said.Result == cases.Accept && said.Form != "" && want != "" && said.Form != want {
		return cases.Finding{Message: fmt.Sprintf("POST /verify: the %s form was signed, and the node says that it was the %s form", want, said.Form)}
	}
	if input.Options == nil { // what a registry takes in depends on nobody's options
		if err := p.submission(ctx, node, &input); err != nil {
			return cases.Finding{Message: err.Error()}
		}
	}
	return cases.Finding{Passed: true, Choice: choice}
}

// nodeOf spreads the cases over n nodes, each always on the same one.
func nodeOf(id string, n int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return int(h.Sum32() % uint32(n))
}

// publishVerdict publishes the document of the case's domain as it is, and its good keys in DNS too.
func (p *play) publishVerdict(v *cases.VerdictInput) error {
	if p.world.Names == nil || v.Domain == "" {
		return nil
	}
	d := names.Domain{TTL: 3600}
	if len(v.Keys) > 0 {
		d.Document = &names.Document{Body: string(v.Keys)}
		if document, err := protocol.ParseKeyDocument(v.Keys); err == nil {
			for _, k := range document.Keys {
				d.Keys = append(d.Keys, names.PublishedKey{Public: protocol.EncodePublicKey(k.Public), Fingerprint: k.Fingerprint, Channels: []string{names.DNS}})
			}
		}
	}
	return p.world.Names.Publish(v.Domain, d)
}

// judged is what a node says of a claim.
type judged struct {
	Result    string
	Code      string
	ClaimID   string
	Duplicate bool   // it has the claim since before
	Form      string // which of the two forms was signed; "": the node does not say
}

// verdict is what the node said, as an expectation.
func (j judged) verdict() cases.Verdict {
	if j.Result == cases.Accept || j.Code == "" {
		return cases.Verdict{Result: j.Result}
	}
	return cases.Verdict{Result: j.Result, Codes: []string{j.Code}}
}

// choice is what the node said, in words.
func (j judged) choice() string {
	if j.Result == cases.Accept {
		return "accepts it"
	}
	if j.Code == "" {
		return "refuses it"
	}
	return "refuses it with " + j.Code
}

// verdict asks POST /verify.
func (p *play) verdict(ctx context.Context, node NodeAddress, v *cases.VerdictInput) (judged, *answer, error) {
	target := node.URL + "/verify"
	if o := v.Options; o != nil {
		query := url.Values{}
		if o.MaxAge != "" {
			query.Set("maxAge", o.MaxAge)
		}
		if o.ExpectDomain != "" {
			query.Set("expectDomain", o.ExpectDomain)
		}
		if o.NoExpiredKeys {
			query.Set("noExpiredKeys", "true")
		}
		target += "?" + query.Encode()
	}
	a, err := p.post(ctx, target, v.Bytes())
	if err != nil {
		return judged{}, nil, err
	}
	said, err := a.judged()
	switch {
	case a.status == http.StatusOK && err != nil:
		return said, a, fmt.Errorf("POST /verify: the answer is not readable: %w%s", err, a.tail())
	case a.status == http.StatusOK && said.Result == "":
		return said, a, errors.New("POST /verify: the answer has no result" + a.tail())
	case refuses(a.status):
		said.Result = cases.Reject // a node need not answer 200 for what is no claim at all
	case a.status != http.StatusOK:
		return said, a, errors.New("POST /verify gave no verdict" + a.tail())
	}
	return said, a, nil
}

// refuses tells whether a status says that what was sent is refused for what it is: not those by which a node says that it did not come to look at it.
func refuses(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return status >= 400 && status < 500
}

// same holds what a node said against what is right.
func same(where string, v *cases.VerdictInput, said judged, a *answer) error {
	want := v.Expect
	tooLarge := len(v.Bytes()) > protocol.MaxClaimBytes
	switch {
	case want.Result != said.Result:
		return fmt.Errorf("%s: should be %s, and is %s%s", where, wanted(want), said.Result, a.tail())
	case tooLarge && want.Result == cases.Reject && a.status == http.StatusRequestEntityTooLarge && said.Code == "":
		return nil // refused unread, for its size alone
	case want.Result == cases.Reject && len(want.Codes) > 0 && !slices.Contains(want.Codes, said.Code):
		return fmt.Errorf("%s: should be %s, and is %s %s%s", where, wanted(want), said.Result, said.Code, a.tail())
	}
	return nil
}

func wanted(v cases.Verdict) string {
	return strings.TrimSpace(v.Result + " " + strings.Join(v.Codes, " or "))
}

// submission sends the claim to POST /claims, and looks what is there afterwards.
func (p *play) submission(ctx context.Context, node NodeAddress, v *cases.VerdictInput) error {
	a, err := p.post(ctx, node.URL+"/claims", v.Bytes())
	if err != nil {
		return err
	}
	said, err := a.judged()
	switch {
	case a.status == http.StatusCreated || a.status == http.StatusOK:
		said.Result = cases.Accept
	case refuses(a.status):
		said.Result = cases.Reject
	default:
		return errors.New("POST /claims gave no verdict" + a.tail())
	}
	if err != nil {
		return fmt.Errorf("POST /claims: the answer is not readable: %w%s", err, a.tail())
	}
	said.Duplicate = said.Duplicate && a.status == http.StatusOK
	if err := same("POST /claims", v, said, a); err != nil {
		return err
	}
	return p.kept(ctx, node, v, said)
}

// kept looks a claim up that was accepted or refused.
func (p *play) kept(ctx context.Context, node NodeAddress, v *cases.VerdictInput, said judged) error {
	id := claimID(v.Bytes())
	if said.Result == cases.Accept && said.ClaimID != id {
		return fmt.Errorf("POST /claims: claimId should be %s, and is %s", id, said.ClaimID)
	}
	if id == "" {
		return nil
	}
	a, err := p.get(ctx, node.URL+"/claims/"+id)
	if err != nil {
		return err
	}
	holds := bytes.Contains(a.body, bytes.TrimSpace(v.Bytes()))
	switch {
	case said.Result == cases.Reject && a.status == http.StatusNotFound:
		return nil
	case said.Result == cases.Reject && a.status == http.StatusOK && !holds:
		return nil // the signature belongs to another claim, which is rightly there
	case said.Result == cases.Reject:
		return fmt.Errorf("GET /claims/%s: the claim was refused, and should not be found%s", id, a.tail())
	case a.status != http.StatusOK:
		return fmt.Errorf("GET /claims/%s: the claim was accepted, and should be found%s", id, a.tail())
	case !holds && (!said.Duplicate || !a.spells(v.Bytes())): // of a duplicate the first spelling is kept
		return fmt.Errorf("GET /claims/%s: the answer should hold the claim byte for byte%s", id, a.tail())
	}
	return nil
}

// spells tells whether the claim in an answer is a claim that was sent, in whatever spelling: what is signed is the same, and so is the signature.
func (a *answer) spells(sent []byte) bool {
	page, err := a.object()
	if err != nil {
		return false
	}
	shown, _ := page.Lookup("claim")
	kept, err := protocol.ParseClaim([]byte(shown.Literal()))
	if err != nil {
		return false
	}
	claim, err := protocol.ParseClaim(bytes.TrimSpace(sent))
	return err == nil && claim.RecordHash() == kept.RecordHash()
}

func (p *play) post(ctx context.Context, target string, body []byte) (*answer, error) {
	return p.ask(ctx, sending{method: http.MethodPost, url: target, header: http.Header{"Content-Type": {"application/json"}}, body: body})
}

// judged reads what a node says of a claim.
func (a *answer) judged() (judged, error) {
	if _, err := a.object(); err != nil {
		return judged{}, err
	}
	duplicate, _ := lookUp(a.parsed, "duplicate")
	return judged{Result: a.text("result"), Code: a.text("code"), ClaimID: a.text("claimId"), Form: a.text("form"), Duplicate: duplicate == true}, nil
}

// claimID is the ID that the bytes would have as a claim, or "" where they show none.
func claimID(raw []byte) string {
	var claim struct {
		Sig *string `json:"sig"`
	}
	if json.Unmarshal(raw, &claim) != nil || claim.Sig == nil {
		return ""
	}
	sum := sha256.Sum256([]byte(*claim.Sig))
	return "claim_" + hex.EncodeToString(sum[:])
}
