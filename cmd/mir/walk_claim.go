package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"mirnode/cluster"
	"mirnode/discovery"
	"mirnode/protocol"
	"mirnode/verifier"
)

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
	status, body, err := w.submitOnce(ctx)
	if err != nil {
		return err
	}
	w.accepted = time.Now()
	var answer struct {
		ClaimID  string `json:"claimId"`
		Verified struct {
			Channels []string `json:"channels"`
		} `json:"verified"`
		Origin  string `json:"origin"`
		Index   uint64 `json:"index"`
		Receipt string `json:"receipt"`
	}
	if err := expect(status, http.StatusCreated, body, &answer); err != nil {
		return err
	}
	w.line(answered(status), answer.ClaimID)
	w.line("key found in", strings.Join(answer.Verified.Channels, " and "))
	w.line("receipt", fmt.Sprintf("entry %d of the log %s", answer.Index, answer.Origin))
	w.result.Claim, w.entry, w.receipt = answer.ClaimID, answer.Index, []byte(answer.Receipt)
	return nil
}

// submitOnce submits the claim, and asks again while the node has no time: one that was started a moment ago first asks its peers where its log
// ends.
func (w *walk) submitOnce(ctx context.Context) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.patience())
	defer cancel()
	for {
		status, body, err = w.request(ctx, w.node, http.MethodPost, "/claims", w.claim.Raw())
		if err != nil || status != http.StatusServiceUnavailable || !w.pause(ctx) {
			return status, body, err
		}
	}
}

// lookUp is for a cluster of one node.
func (w *walk) lookUp(ctx context.Context) error {
	path := "/claims/" + w.claim.ID()
	w.line("GET", w.node.URL+path)
	status, body, err := w.request(ctx, w.node, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	var byID claimAnswer
	if err := expect(status, http.StatusOK, body, &byID); err != nil {
		return err
	}
	if err := w.check(byID); err != nil {
		return err
	}
	w.line(answered(status), "the very bytes that were signed")
	return w.findBySubject(ctx, w.node)
}

// claimAnswer is a node's answer to GET /claims/{id}, as far as the walk reads it.
type claimAnswer struct {
	Claim    json.RawMessage `json:"claim"`
	Verified struct {
		By       string   `json:"by"`
		Channels []string `json:"channels"`
	} `json:"verified"`
}

// check holds what a node gave back to what was submitted.
func (w *walk) check(answer claimAnswer) error {
	if !bytes.Equal(answer.Claim, w.claim.Raw()) {
		return fmt.Errorf("the node gave back other bytes than were submitted: %s", answer.Claim)
	}
	w.returned = answer.Claim
	return nil
}

func (w *walk) findBySubject(ctx context.Context, node cluster.Node) error {
	path := "/claims?subject=" + url.QueryEscape(w.claim.Subject)
	w.line("GET", node.URL+path)
	status, body, err := w.request(ctx, node, http.MethodGet, path, nil)
	if err != nil {
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
	w.line(answered(status), fmt.Sprintf("%s, the same", plural(len(bySubject.Claims), "claim")))
	return nil
}

func (w *walk) tamper(ctx context.Context) error {
	forged := bytes.Replace(w.claim.Raw(), []byte(`"book"`), []byte(`"boot"`), 1)
	node := w.state.Nodes[len(w.state.Nodes)-1]
	w.line("POST", node.URL+"/claims")
	status, body, err := w.request(ctx, node, http.MethodPost, "/claims", forged)
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
