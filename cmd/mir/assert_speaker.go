package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"mirnode/internal/strictjson"
	"mirnode/protocol"
)

// speaker makes signed statements for an issuer, and sends them to its home.
type speaker struct {
	cmd         *cobra.Command
	s           streams
	flags       *assertFlags
	id          *identity
	client      *nodeClient
	key         signingKey
	fingerprint string
}

// newSpeaker reads who speaks, and opens its key: what needs a person (a passphrase) comes before what takes time.
func newSpeaker(cmd *cobra.Command, s streams, flags *assertFlags) (*speaker, error) {
	if err := flags.check(); err != nil {
		return nil, err
	}
	sp := &speaker{cmd: cmd, s: s, flags: flags}
	var err error
	if sp.id, err = readIdentity(cmd); err != nil {
		return nil, err
	}
	if _, err := issuerArgument(sp.id.IssuerID); err != nil {
		return nil, err
	}
	open := sp.id.writer
	if flags.dryRun {
		open = sp.id.client // it needs no API key
	}
	if sp.client, err = open(cmd); err != nil {
		return nil, err
	}
	if sp.key, err = sp.id.key(cmd); err != nil {
		return nil, err
	}
	sp.fingerprint, err = sp.key.fingerprint()
	return sp, err
}

// artifacts reads all files, before anything is said about one: a name that is wrong is found in time.
func (sp *speaker) artifacts(files []string) ([]*artifact, error) {
	if sp.flags.hash != "" {
		if len(files) > 0 {
			return nil, errors.New("--hash takes the place of FILE: give one of the two")
		}
		hash, ok := hashArgument(sp.flags.hash)
		if !ok {
			return nil, withHint(fmt.Sprintf("--hash %q is no SHA-256", sp.flags.hash), "It has 64 hex digits; `mir hash FILE` prints it.")
		}
		return []*artifact{{path: hash, hash: hash, remote: true}}, nil
	}
	var list []*artifact
	for _, file := range files {
		a, err := readArtifact(sp.cmd, file)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

var hashPattern = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)

// hashArgument reads a SHA-256 in either case, also one that is called so: sha256:…
func hashArgument(text string) (string, bool) {
	text = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(text)), "sha256:")
	return text, hashPattern.MatchString(text)
}

// signedPart is a signed statement in a request.
type signedPart struct {
	Payload        json.RawMessage `json:"payload"`
	Signature      string          `json:"signature"`
	KeyFingerprint string          `json:"keyFingerprint"`
}

// metadataPart is what stands beside a signed statement in a request. Absent members are not said.
type metadataPart struct {
	DisplayName      string   `json:"displayName,omitzero"`
	OriginalFilename string   `json:"originalFilename,omitzero"`
	ArtifactMimeType string   `json:"artifactMimeType,omitzero"`
	ArtifactByteSize *uint64  `json:"artifactByteSize,omitzero"`
	Context          string   `json:"context,omitzero"`
	Tags             []string `json:"tags,omitzero"`
	Note             string   `json:"note,omitzero"`
}

// check finds what a node would refuse, and says it in the words of the flags.
func (m *metadataPart) check() error {
	public := protocol.AssertionMetadata{DisplayName: m.DisplayName, OriginalFilename: m.OriginalFilename, ArtifactMimeType: m.ArtifactMimeType,
		ArtifactByteSize: m.ArtifactByteSize, Context: m.Context, Tags: m.Tags}
	if err := public.Check(); err != nil {
		return misused(err)
	}
	return nil
}

// assertionRequest is the body of POST /assertions.
type assertionRequest struct {
	signedPart
	metadataPart
}

// sign signs a payload in its canonical form.
func (sp *speaker) sign(payload []byte) (signedPart, error) {
	signature, err := sp.key.sign(payload)
	return signedPart{payload, signature, sp.fingerprint}, err
}

// timestampLayout is how seed 001 writes times.
const timestampLayout = "2006-01-02T15:04:05.000Z"

func timestampNow() string { return time.Now().UTC().Format(timestampLayout) }

// draft makes the payload of what is said about an artifact.
func (sp *speaker) draft(kind protocol.AssertionType, a *artifact) (*protocol.AssertionPayload, error) {
	p := &protocol.AssertionPayload{Type: kind, IssuerID: sp.id.IssuerID, Timestamp: timestampNow(), Scope: sp.flags.scope, Disputes: sp.flags.disputes, MimeType: sp.flags.mime}
	if _, err := hex.Decode(p.Artifact[:], []byte(a.hash)); err != nil {
		return nil, err
	}
	if !sp.flags.unsignedContext {
		p.Context = sp.flags.context
	}
	if !a.remote {
		p.ByteSize = &a.size
		if p.MimeType == "" {
			p.MimeType = a.mime
		}
	}
	return p, nil
}

// beside makes the metadata of what is said about an artifact.
func (sp *speaker) beside(a *artifact) metadataPart {
	m := metadataPart{DisplayName: sp.flags.displayName, Tags: sp.flags.tags, Note: sp.flags.note}
	if sp.flags.unsignedContext {
		m.Context = sp.flags.context
	}
	if !sp.flags.withoutName {
		m.OriginalFilename = a.name(protocol.MaxFilename)
		if m.DisplayName == "" {
			m.DisplayName = a.name(protocol.MaxDisplayName)
		}
	}
	return m
}

// request signs a payload and puts its metadata beside it. What is wrong with either is misuse: nobody was asked yet.
func (sp *speaker) request(p *protocol.AssertionPayload, m metadataPart) (*assertionRequest, *protocol.AssertionPayload, error) {
	payload := p.Encode()
	checked, err := protocol.ParsePayload(payload)
	if err != nil {
		return nil, nil, misused(err)
	}
	if err := m.check(); err != nil {
		return nil, nil, err
	}
	signed, err := sp.sign(payload)
	return &assertionRequest{signed, m}, checked, err
}

// assert says one thing about one artifact.
func (sp *speaker) assert(kind protocol.AssertionType, a *artifact) error {
	draft, err := sp.draft(kind, a)
	if err != nil {
		return err
	}
	request, payload, err := sp.request(draft, sp.beside(a))
	if err != nil {
		return err
	}
	if sp.flags.dryRun {
		return sp.printDry("/assertions", a.path, payload.ID(), request.Payload, request)
	}
	return sp.submit("/assertions", request, payload, a.path)
}

// createdAnswer is a node's answer to a new assertion.
type createdAnswer struct {
	Assertion assertionAnswer `json:"assertion"`
	Duplicate bool            `json:"duplicate"`
	Receipt   string          `json:"receipt"`
	Lookup    string          `json:"lookup"`
}

// submit sends a new assertion, alone or in the place of another, keeps the receipt and tells what was said.
func (sp *speaker) submit(path string, request any, payload *protocol.AssertionPayload, file string) error {
	answer, err := sp.send(http.MethodPost, path, request)
	if err != nil {
		return err
	}
	var created createdAnswer
	if err := decodeAnswer(answer.body, &created); err != nil {
		return err
	}
	if created.Assertion.ID != payload.ID() {
		return &exit{exitUnreachable, fmt.Errorf("%w: it calls the assertion %q, which is %s", errWrongAnswer, created.Assertion.ID, payload.ID())}
	}
	body, err := withoutNote(answer.body)
	if err != nil {
		return err
	}
	kept := sp.keepReceipt(payload.ID(), body)
	if wantsJSON(sp.cmd) {
		members := [][2]string{{"file", file}}
		if kept != "" {
			members = append(members, [2]string{"receiptFile", kept})
		}
		return printWith(sp.cmd, body, members...)
	}
	sp.printCreated(&created, payload, file, kept)
	return nil
}

// send sends a request, and again while the node is busy and the patience lasts.
func (sp *speaker) send(method, path string, request any) (*nodeAnswer, error) {
	body, err := strictjson.Marshal(request)
	if err != nil {
		return nil, err
	}
	patience := patience{sp.flags.retryFor}
	for {
		answer, err := sp.client.ask(sp.cmd.Context(), method, path, nil, "application/json", body)
		if err != nil {
			return nil, err
		}
		if !answer.busy() || !patience.wait(sp.cmd.Context(), sp.cmd, answer.retryAfter) {
			return answer, secondOfType(answer.refusal())
		}
	}
}

var assertionIDPattern = regexp.MustCompile(`assertion_[0-9a-f]{64}`)

// secondOfType adds to a refusal that names an assertion in the way how to replace it here.
func secondOfType(err error) error {
	said, ok := errors.AsType[*fault](err)
	if !ok || said.Code != "" || !strings.Contains(said.Message, "already") {
		return err
	}
	if id := assertionIDPattern.FindString(said.Message); id != "" {
		said.Hint = "Replace it: mir assertion supersede " + id + ", or revoke it: mir assertion revoke " + id
	}
	return err
}

// keepReceipt keeps the proof beside the identity: what verifies offline, if the node gives it, else its answer. It is what people pass on, so it is what everybody is told: it is
// asked for without the API key, and has no note. It returns the file; "" where none could be written, which changes nothing about what was said.
func (sp *speaker) keepReceipt(id string, answer []byte) string {
	folder := filepath.Join(sp.id.folder(), "receipts")
	file := filepath.Join(folder, id+".json")
	anybody := *sp.client
	anybody.apiKey = ""
	if proven, err := anybody.order(sp.cmd.Context(), http.MethodGet, "/assertions/"+id, nil, nil); err == nil {
		answer = proven.body
	} else {
		note(sp.cmd, "warning: the proof cannot be read now (%v); the receipt is kept as it came. Later: mir assertion get %s --json", err, id)
	}
	answer, err := withoutNote(answer)
	if err == nil {
		err = os.MkdirAll(folder, 0o700)
	}
	if err == nil {
		err = renameio.WriteFile(file, answer, 0o600)
	}
	if err != nil {
		note(sp.cmd, "warning: the receipt could not be kept: %v", err)
		return ""
	}
	return file
}

// withoutNote is an answer about an assertion without the issuer's own note. One that has none stays byte by byte as it is.
func withoutNote(answer []byte) ([]byte, error) {
	var members, inner map[string]json.RawMessage
	if err := json.Unmarshal(answer, &members); err != nil {
		return nil, errWrongAnswer
	}
	_, noted := members["note"]
	delete(members, "note")
	if json.Unmarshal(members["assertion"], &inner) == nil {
		if _, ok := inner["note"]; ok {
			noted = true
			delete(inner, "note")
			cut, err := strictjson.Marshal(inner)
			if err != nil {
				return nil, err
			}
			members["assertion"] = cut
		}
	}
	if !noted {
		return answer, nil
	}
	return strictjson.Marshal(members)
}

// printWith writes a JSON object as it came, with members of ours put before its own, on a line of its own.
func printWith(cmd *cobra.Command, body []byte, members ...[2]string) error {
	text := strings.TrimSpace(string(body))
	rest, ok := strings.CutPrefix(text, "{")
	if !ok || !json.Valid(body) {
		return &exit{exitUnreachable, errWrongAnswer}
	}
	b := new(strings.Builder)
	b.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := strictjson.Marshal(strings.ToValidUTF8(m[1], "\uFFFD"))
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "%q:%s", m[0], value)
	}
	if rest = strings.TrimSpace(rest); rest != "}" {
		b.WriteByte(',')
	}
	b.WriteString(rest)
	return printRaw(cmd, []byte(b.String()))
}

// printCreated tells a person what was said.
func (sp *speaker) printCreated(created *createdAnswer, p *protocol.AssertionPayload, file, kept string) {
	pg, b := newPage(sp.s.out), new(strings.Builder)
	pg.headline(b, span{text: string(p.Type), painted: pg.green}, ours("%s", file))
	fact := func(label, value string) {
		if value != "" {
			pg.fact(b, label, ours("%s", value))
		}
	}
	pg.fact(b, "said", created.Assertion.Issuer.called(), ours(" %s", meaning(p.Type)))
	if p.Scope != "" {
		pg.fact(b, "scope", theirs(p.Scope))
	}
	if context := created.Assertion.contextLine(); context != nil {
		pg.fact(b, "context", context...)
	}
	fact("hash", hex.EncodeToString(p.Artifact[:]))
	fact("id", p.ID())
	fact("link", created.Lookup)
	fact("receipt", kept)
	fmt.Fprint(sp.s.out, b.String())
	if created.Duplicate {
		note(sp.cmd, "The node has it already, since %s.", created.Assertion.CreatedAt)
	}
}

// printDry prints what would be signed and sent.
func (sp *speaker) printDry(path, file, id string, payload json.RawMessage, request any) error {
	body, err := strictjson.Marshal(request)
	if err != nil {
		return err
	}
	target := sp.client.base.JoinPath(path).String()
	if wantsJSON(sp.cmd) {
		return printJSON(sp.s.out, struct {
			File    string          `json:"file,omitzero"`
			ID      string          `json:"id,omitzero"`
			URL     string          `json:"url"`
			Payload json.RawMessage `json:"payload"`
			Request json.RawMessage `json:"request"`
		}{strings.ToValidUTF8(file, "\uFFFD"), id, target, payload, body})
	}
	note(sp.cmd, "Nothing was sent. What is signed:")
	if err := writeData(sp.s.out, append(payload, '\n')); err != nil {
		return err
	}
	note(sp.cmd, "What would be sent, good for five minutes:")
	return writeData(sp.s.out, []byte(sp.curl(target, body)))
}

// curl is the command that sends a body. The API key stays where it is.
func (sp *speaker) curl(target string, body []byte) string {
	key := "YOUR_API_KEY"
	place, err := sp.id.apiKeyFor(sp.cmd, sp.client.base)
	switch {
	case err != nil:
	case place.env:
		key = "$" + envAPIKey
	case place.file != "" && place.file != stdinName:
		key = "$(cat " + shellQuote(place.file) + ")"
	}
	return fmt.Sprintf("curl -X POST %s \\\n  -H \"x-api-key: %s\" \\\n  -H 'Content-Type: application/json' \\\n  -d %s\n", shellQuote(target), key, shellQuote(string(body)))
}
