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
	"net/http"
	"time"

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

// speak has an organisation deny a file: the operator makes the issuer, the issuer proves its domain and its key, and the home takes the assertion.
func (w *walk) speak(ctx context.Context) error {
	var made struct {
		Issuer struct{ ID string }
		APIKey string
	}
	if err := w.call(ctx, w.node.Operator, "/admin/issuers", "", map[string]string{"name": demoIssuer}, http.StatusOK, &made); err != nil {
		return err
	}
	w.line("the operator", fmt.Sprintf("made %s, %q", made.Issuer.ID, demoIssuer))
	at := "/issuers/" + made.Issuer.ID
	if err := w.proveDomain(ctx, at, made.APIKey); err != nil {
		return err
	}
	if err := w.proveKey(ctx, at, made.APIKey); err != nil {
		return err
	}
	w.artifact = sha256.Sum256([]byte("a video that is not ours, of " + w.claim.ID()))
	payload := protocol.AssertionPayload{
		Artifact: w.artifact, Type: protocol.NotIssuedBy, IssuerID: made.Issuer.ID, Timestamp: time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		Context: "Impersonates our CFO",
	}
	signed := payload.Encode()
	var taken struct{ Assertion struct{ ID string } }
	err := w.call(ctx, w.node.URL, "/assertions", made.APIKey, map[string]string{"payload": string(signed), "signature": w.sign(signed)}, http.StatusCreated, &taken)
	if err != nil {
		return err
	}
	w.assertion, w.accepted = taken.Assertion.ID, time.Now()
	w.line(answered(http.StatusCreated), w.assertion)
	return nil
}

// proveDomain shows that the issuer holds the demo domain: the record that the node asks for is published, and the node looks.
func (w *walk) proveDomain(ctx context.Context, issuer, apiKey string) error {
	var task struct{ Name, Value string }
	if err := w.call(ctx, w.node.URL, issuer+"/domain", apiKey, map[string]string{"domain": demoDomain}, http.StatusOK, &task); err != nil {
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
	var check struct {
		Verified bool
		Detail   string
	}
	if err := w.call(ctx, w.node.URL, issuer+"/domain/check", apiKey, struct{}{}, http.StatusOK, &check); err != nil {
		return err
	}
	if !check.Verified {
		return errors.New(check.Detail)
	}
	return nil
}

// proveKey registers the demo domain's key, by a signature over the node's challenge.
func (w *walk) proveKey(ctx context.Context, issuer, apiKey string) error {
	var challenge struct{ Challenge, Text string }
	if err := w.call(ctx, w.node.URL, issuer+"/keys/challenge", apiKey, struct{}{}, http.StatusOK, &challenge); err != nil {
		return err
	}
	return w.call(ctx, w.node.URL, issuer+"/keys", apiKey, map[string]string{
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
	verified, err := proof.VerifyProof(bundle, func(domain string) (keys []ed25519.PublicKey, err error) {
		report, err := w.discoverer.Keys(ctx, domain)
		if err != nil {
			return nil, err
		}
		for _, key := range report.Keys {
			keys = append(keys, key.Public)
		}
		return keys, nil
	})
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
