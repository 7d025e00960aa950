package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"mirnode/assertions/proof"
	"mirnode/cluster"
	"mirnode/protocol"
)

// demoIssuer is the organisation that the walk lets speak about a file.
const demoIssuer = "Demo News"

// spoken is what the walk reads of a look-up's answer.
type spoken struct {
	Assertions []struct {
		ID, Type, Context, Anchor string
		Issuer                    struct {
			Name, Status string
			Verification *struct{ By, Domain string }
		}
	}
	Guidance string
}

// walkIssuer is the issuer of a folder, as demo-news.json keeps it.
type walkIssuer struct {
	ID     string `json:"id"`
	APIKey string `json:"apiKey"`

	hasDomain, hasKey bool // the node knows of them already
}

func (i walkIssuer) path() string { return "/issuers/" + i.ID }

// issuerPath is where the folder's issuer is kept, for the walks of later clusters.
func (w *walk) issuerPath() string { return filepath.Join(w.state.Dir, "demo-news.json") }

// speak has an organisation deny a file: the operator makes the issuer, the issuer proves its domain and its key, and the home takes the assertion.
func (w *walk) speak(ctx context.Context) error {
	issuer, err := w.issuer(ctx)
	if err != nil {
		return err
	}
	if err := w.proveDomain(ctx, issuer); err != nil {
		return err
	}
	if !issuer.hasKey {
		if err := w.proveKey(ctx, issuer); err != nil {
			return err
		}
	}
	w.artifact = sha256.Sum256([]byte("a video that is not ours, of " + w.claim.ID()))
	payload := protocol.AssertionPayload{
		Artifact: w.artifact, Type: protocol.NotIssuedBy, IssuerID: issuer.ID, Timestamp: time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		Context: "Impersonates our CFO",
	}
	signed := payload.Encode()
	var taken struct{ Assertion struct{ ID string } }
	err = w.call(ctx, w.node.URL, "/assertions", issuer.APIKey, map[string]string{"payload": string(signed), "signature": w.sign(signed)}, http.StatusCreated, &taken)
	if err != nil {
		return err
	}
	w.assertion, w.accepted = taken.Assertion.ID, time.Now()
	w.line(answered(http.StatusCreated), w.assertion)
	return nil
}

// issuer is the folder's, made where it has none that the node knows.
func (w *walk) issuer(ctx context.Context) (issuer walkIssuer, err error) {
	data, err := os.ReadFile(w.issuerPath())
	if errors.Is(err, fs.ErrNotExist) {
		return w.makeIssuer(ctx)
	}
	if err != nil {
		return issuer, err
	}
	if err := json.Unmarshal(data, &issuer); err != nil {
		return issuer, fmt.Errorf("%s: %w", w.issuerPath(), err)
	}
	status, answer, err := w.request(ctx, w.node, http.MethodGet, issuer.path(), nil)
	if err != nil {
		return issuer, err
	}
	if status == http.StatusNotFound { // the node's data was removed
		return w.makeIssuer(ctx)
	}
	var known struct {
		Issuer struct{ Verification *struct{ Domain string } }
		Keys   []struct {
			Fingerprint string
			RevokedAt   *time.Time
		}
	}
	if err := expect(status, http.StatusOK, answer, &known); err != nil {
		return issuer, err
	}
	w.line("the issuer", fmt.Sprintf("%s, %q, is there from before", issuer.ID, demoIssuer))
	issuer.hasDomain = known.Issuer.Verification != nil && known.Issuer.Verification.Domain == demoDomain
	for _, key := range known.Keys {
		issuer.hasKey = issuer.hasKey || key.Fingerprint == protocol.Fingerprint(w.public()) && key.RevokedAt == nil
	}
	return issuer, nil
}

// makeIssuer has the operator make the issuer, and keeps it.
func (w *walk) makeIssuer(ctx context.Context) (issuer walkIssuer, err error) {
	var made struct {
		Issuer struct{ ID string }
		APIKey string
	}
	if err := w.call(ctx, w.node.Operator, "/admin/issuers", "", map[string]string{"name": demoIssuer}, http.StatusOK, &made); err != nil {
		return issuer, err
	}
	w.line("the operator", fmt.Sprintf("made %s, %q", made.Issuer.ID, demoIssuer))
	issuer = walkIssuer{ID: made.Issuer.ID, APIKey: made.APIKey}
	data, err := json.MarshalIndent(issuer, "", "  ") //nolint:gosec // the key is to be kept: the file is the folder owner's alone
	if err != nil {
		return issuer, err
	}
	return issuer, renameio.WriteFile(w.issuerPath(), append(data, '\n'), 0o600)
}

// domainLook is what the walk reads of the answer to a look at the issuer's domain.
type domainLook struct {
	Verified    bool
	Name, Value string
	Detail      string
}

// proveDomain shows that the issuer holds the demo domain: the record that the node asks for is published, and the node looks. One that is there still is not asked
// for anew.
func (w *walk) proveDomain(ctx context.Context, issuer walkIssuer) error {
	var check domainLook
	if issuer.hasDomain {
		if err := w.call(ctx, w.node.URL, issuer.path()+"/domain/check", issuer.APIKey, struct{}{}, http.StatusOK, &check); err != nil {
			return err
		}
		if check.Verified {
			w.line("in DNS", fmt.Sprintf("%s TXT %q", check.Name, check.Value))
			return nil
		}
	}
	var task struct{ Name, Value string }
	if err := w.call(ctx, w.node.URL, issuer.path()+"/domain", issuer.APIKey, map[string]string{"domain": demoDomain}, http.StatusOK, &task); err != nil {
		return err
	}
	err := cluster.UpdatePublished(w.state.Dir, func(p *cluster.Published) error {
		p.Domain(demoDomain).SetText(task.Name, task.Value)
		return nil
	})
	if err != nil {
		return err
	}
	w.line("in DNS", fmt.Sprintf("%s TXT %q", task.Name, task.Value))
	if err := w.call(ctx, w.node.URL, issuer.path()+"/domain/check", issuer.APIKey, struct{}{}, http.StatusOK, &check); err != nil {
		return err
	}
	if !check.Verified {
		return errors.New(check.Detail)
	}
	return nil
}

// proveKey registers the demo domain's key, by a signature over the node's challenge.
func (w *walk) proveKey(ctx context.Context, issuer walkIssuer) error {
	var challenge struct{ Challenge, Text string }
	if err := w.call(ctx, w.node.URL, issuer.path()+"/keys/challenge", issuer.APIKey, struct{}{}, http.StatusOK, &challenge); err != nil {
		return err
	}
	return w.call(ctx, w.node.URL, issuer.path()+"/keys", issuer.APIKey, map[string]string{
		"publicKey": protocol.EncodePublicKey(w.public()), "challenge": challenge.Challenge, "signature": w.sign([]byte(challenge.Text)),
	}, http.StatusCreated, &struct{}{})
}

func (w *walk) sign(message []byte) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(w.key, message))
}

// lookUpFile asks a node for what is said of the file, with nothing but its hash, and checks the proof.
func (w *walk) lookUpFile(ctx context.Context) error {
	node := w.state.Nodes[len(w.state.Nodes)-1]
	path := "/assertions?hash=" + hex.EncodeToString(w.artifact[:])
	w.line("GET", node.URL+path)
	answer, err := w.awaitSpoken(ctx, node, path)
	if err != nil {
		return err
	}
	said := answer.Assertions[0]
	w.line("who", fmt.Sprintf("%s, %s: %s found the token of %s itself", said.Issuer.Name, said.Issuer.Status, node.Domain, said.Issuer.Verification.Domain))
	w.line("says what", fmt.Sprintf("%s, %q", said.Type, said.Context))
	w.line("guidance", answer.Guidance)
	status, bundle, err := w.request(ctx, node, http.MethodGet, "/assertions/"+w.assertion, nil)
	if err == nil {
		err = expect(status, http.StatusOK, bundle, &struct{}{})
	}
	if err != nil {
		return err
	}
	keys := func(domain string) (keys []ed25519.PublicKey, err error) {
		report, err := w.discoverer.Keys(ctx, domain)
		if err != nil {
			return nil, err
		}
		for _, key := range report.Keys {
			keys = append(keys, key.Public)
		}
		return keys, nil
	}
	verified, err := proof.VerifyProof(bundle, proof.Options{Keys: keys, Network: protocol.Development})
	if err != nil {
		return err
	}
	if verified.Assertion.ID() != w.assertion {
		return errors.New("the proof is of another assertion")
	}
	w.line("verdict", w.paint.green("the proof holds")+fmt.Sprintf(": signed by the issuer, entry %d of %s; checked here", verified.Logged.Index, verified.Logged.Origin))
	return nil
}

// awaitSpoken asks a node until it has the assertion, and has seen the issuer's domain.
func (w *walk) awaitSpoken(ctx context.Context, node cluster.Node, path string) (answer spoken, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.patience())
	defer cancel()
	for {
		status, body, err := w.request(ctx, node, http.MethodGet, path, nil)
		if err == nil {
			answer = spoken{}
			if err := expect(status, http.StatusOK, body, &answer); err != nil {
				return answer, err
			}
		}
		if len(answer.Assertions) == 1 && answer.Assertions[0].ID == w.assertion && answer.Assertions[0].Issuer.Verification != nil {
			return answer, nil
		}
		if !w.pause(ctx) {
			return answer, fmt.Errorf("%s does not answer for the file within %v", node.Domain, w.patience())
		}
	}
}

// call posts JSON to a listener of the node, and reads its answer.
func (w *walk) call(ctx context.Context, base, path, apiKey string, body any, want int, into any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if apiKey != "" {
		request.Header.Set("X-Api-Key", apiKey)
	}
	status, answer, err := w.send(request)
	if err != nil {
		return err
	}
	if err := expect(status, want, answer, into); err != nil {
		return fmt.Errorf("POST %s: %w", path, err)
	}
	return nil
}
