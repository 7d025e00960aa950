package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mirnode/cluster"
	"mirnode/discovery"
	"mirnode/protocol"
	"mirnode/verifier"
)

const (
	walkTimeout   = 10 * time.Second // for one request
	maxNodeAnswer = 1 << 20          // bytes of a node's answer that the walk reads
)

// walk follows one claim through a cluster: from the key that vouches for it to a verdict that needs nobody's word. Every line that it
// prints comes from a real answer.
type walk struct {
	out        io.Writer
	paint      paint
	state      cluster.State
	node       cluster.Node
	discoverer *discovery.Discoverer
	documents  *http.Client // fetches well-known documents, by the rules for those
	api        *http.Client // speaks to the node
	run        clusterRun
	jsonTo     io.Writer // where the one document of --json goes

	// What the steps hand on.
	key      ed25519.PrivateKey
	found    protocol.DomainKey
	claim    *protocol.Claim
	returned []byte // the claim as the node gave it back
	result   walkResult

	// What an earlier cluster left in the folder.
	hadKey    bool
	published bool // the key is in one channel at least
}

// walkResult is what --json tells of the walk.
type walkResult struct {
	Passed bool         `json:"passed"`
	Claim  string       `json:"claimId,omitempty"`
	Steps  []walkedStep `json:"steps"`
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
	w := &walk{out: out, jsonTo: out, paint: newPaint(out), state: state, node: state.Nodes[0], run: run, api: &http.Client{Timeout: walkTimeout}}
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
	if err := w.lookBack(); err != nil {
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
	for i, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{first, w.makeKey},
		{second, w.publishKey},
		{"It signs a claim, about a customer whom it alone can name", w.signClaim},
		{"The claim is submitted to a node, which finds the key and verifies", w.submit},
		{"Anyone can find it, by its ID and by its subject", w.lookUp},
		{"One letter is changed, \"book\" to \"boot\", and the node refuses", w.tamper},
		{"Nobody has to trust the node: verified here, with the key from step 2", w.verifyOffline},
	} {
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

func (w *walk) makeKey(context.Context) error {
	path := w.keyPath()
	key, err := demoKey(path)
	if err != nil {
		return err
	}
	w.key = key
	w.line("private key", path)
	w.line("fingerprint", protocol.Fingerprint(w.public()))
	return nil
}

func (w *walk) public() ed25519.PublicKey { return w.key.Public().(ed25519.PublicKey) }

// demoKey makes the demo domain's key, or reads that of the folder's earlier cluster.
func demoKey(path string) (ed25519.PrivateKey, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		return key, writeKeyFile(path, key)
	}
	key, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds no private key", path)
	}
	return private, nil
}

func (w *walk) publishKey(ctx context.Context) error {
	if !w.published {
		now := time.Now().UTC().Truncate(time.Second)
		err := cluster.UpdatePublished(w.state.Dir, func(p *cluster.Published) error {
			p.Domain(demoDomain).SetKey(cluster.Key{Public: protocol.EncodePublicKey(w.public()), Created: &now,
				Channels: []protocol.Channel{protocol.DNS, protocol.WellKnown}})
			return nil
		})
		if err != nil {
			return err
		}
	}
	report, err := w.discoverer.Refresh(ctx, demoDomain)
	if err != nil {
		return err
	}
	ours := slices.IndexFunc(report.Keys, func(k protocol.DomainKey) bool { return w.public().Equal(k.Public) })
	if ours < 0 || !w.published && report.Agreement != discovery.Agree {
		return fmt.Errorf("DNS: %s; %s: %s", report.DNS.Detail, report.WellKnown.Where, report.WellKnown.Detail)
	}
	w.found = report.Keys[ours]
	if slices.Contains(w.found.Channels, protocol.DNS) {
		host, port := w.state.DNS[:strings.LastIndex(w.state.DNS, ":")], w.state.DNS[strings.LastIndex(w.state.DNS, ":")+1:]
		w.line("in DNS", fmt.Sprintf("%s TXT %q", report.DNS.Where, protocol.KeyRecord(w.found.Public)))
		w.try("dig +short @%s -p %s TXT %s", host, port, report.DNS.Where)
	}
	if slices.Contains(w.found.Channels, protocol.WellKnown) {
		w.line("over HTTPS", fmt.Sprintf("%s holds %s", report.WellKnown.Where, plural(len(report.WellKnown.Keys), "key")))
		w.try("curl --cacert %s --connect-to ::%s %s", shellQuote(w.state.CAFile), w.state.WellKnownAddress, report.WellKnown.Where)
	}
	return nil
}

func (w *walk) signClaim(context.Context) error {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	draft := &protocol.Draft{
		Type: "mir.transaction.completed", Domain: demoDomain, Subject: protocol.SubjectHMAC(secret, demoDomain, "customer-4711"),
		Timestamp: time.Now().UTC().Format(time.RFC3339), Metadata: json.RawMessage(`{"count":1,"item":"book"}`),
	}
	claim, err := draft.Sign(w.key)
	if err != nil {
		return err
	}
	w.claim = claim
	var shown bytes.Buffer
	if err := json.Indent(&shown, claim.Raw(), "   ", "  "); err != nil {
		return err
	}
	w.say("   " + shown.String())
	return nil
}

func (w *walk) submit(ctx context.Context) error {
	w.line("POST", w.node.URL+"/claims")
	status, body, err := w.request(ctx, http.MethodPost, "/claims", w.claim.Raw())
	if err != nil {
		return err
	}
	var answer struct {
		ClaimID  string `json:"claimId"`
		Verified struct {
			Channels []string `json:"channels"`
		} `json:"verified"`
	}
	if err := expect(status, http.StatusCreated, body, &answer); err != nil {
		return err
	}
	w.line(answered(status), answer.ClaimID)
	w.line("key found in", strings.Join(answer.Verified.Channels, " and "))
	w.result.Claim = answer.ClaimID
	return nil
}

func (w *walk) lookUp(ctx context.Context) error {
	path := "/claims/" + w.claim.ID()
	w.line("GET", w.node.URL+path)
	status, body, err := w.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	var byID struct {
		Claim json.RawMessage `json:"claim"`
	}
	if err := expect(status, http.StatusOK, body, &byID); err != nil {
		return err
	}
	if !bytes.Equal(byID.Claim, w.claim.Raw()) {
		return fmt.Errorf("the node gave back other bytes than were submitted: %s", byID.Claim)
	}
	w.returned = byID.Claim
	w.line(answered(status), "the very bytes that were signed")

	path = "/claims?subject=" + url.QueryEscape(w.claim.Subject)
	w.line("GET", w.node.URL+path)
	if status, body, err = w.request(ctx, http.MethodGet, path, nil); err != nil {
		return err
	}
	var bySubject struct {
		Claims []struct {
			ClaimID string `json:"claimId"`
		} `json:"claims"`
	}
	if err := expect(status, http.StatusOK, body, &bySubject); err != nil {
		return err
	}
	if len(bySubject.Claims) != 1 || bySubject.Claims[0].ClaimID != w.claim.ID() {
		return fmt.Errorf("by its subject the claim is not found: %s", body)
	}
	w.line(answered(status), fmt.Sprintf("%d claim, the same", len(bySubject.Claims)))
	return nil
}

func (w *walk) tamper(ctx context.Context) error {
	forged := bytes.Replace(w.claim.Raw(), []byte(`"book"`), []byte(`"boot"`), 1)
	w.line("POST", w.node.URL+"/claims")
	status, body, err := w.request(ctx, http.MethodPost, "/claims", forged)
	if err != nil {
		return err
	}
	var answer struct {
		Error string        `json:"error"`
		Code  protocol.Code `json:"code"`
	}
	if err := expect(status, http.StatusBadRequest, body, &answer); err != nil {
		return err
	}
	if answer.Code != protocol.InvalidSignature {
		return fmt.Errorf("the code is %s, not %s: %s", answer.Code, protocol.InvalidSignature, answer.Error)
	}
	w.line(answered(status), w.paint.red(string(answer.Code)))
	w.line("", answer.Error)
	return nil
}

func (w *walk) verifyOffline(ctx context.Context) error {
	verdict, err := verifier.New(verifier.StaticKeys(w.found), verifier.Options{}).Verify(ctx, w.returned, verifier.Policy{})
	if err != nil {
		return err
	}
	if !verdict.Accepted() {
		return fmt.Errorf("%s: %s", verdict.Code, verdict.Reason)
	}
	w.line("verdict", w.paint.green(verdict.Result())+", and neither node nor network was asked")
	return nil
}
