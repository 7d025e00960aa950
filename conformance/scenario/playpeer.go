package scenario

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"mirnode/conformance/peer"
	"mirnode/protocol"
)

// peerArgs are the members of "peer". They are done in this order.
type peerArgs struct {
	As   string `json:"as"`
	Name string `json:"name,omitzero"` // which of the case's peers; "": its one peer
	// Descriptor is what is wrong with the peer's descriptor (peer.Descriptors). In the step that names the peer first it is so from the start of the run; later
	// steps change it, "good" to an honest one.
	Descriptor string `json:"descriptor,omitzero"`
	Stranger   bool   `json:"stranger,omitzero"` // the nodes have not named it as a peer; in the step that names it first
	At         string `json:"at,omitzero"`       // when it says to have taken in what follows; "": a minute ago
	Rewind     *int64 `json:"rewind,omitzero"`   // show the log as it was with so many entries; what is appended then is another history
	// Issuers are the names of issuers that are made, whose home it is (hostIssuer). Their records are logged like all else.
	Issuers []string `json:"issuers,omitzero"`
	// Append puts records into its log: claims as texts, or objects (peerRecord).
	Append []json.RawMessage `json:"append,omitzero"`
	Fork   *peerFork         `json:"fork,omitzero"`
	Lie    *string           `json:"lie,omitzero"`    // one of peer.Lies; "": it ends
	Quiet  bool              `json:"quiet,omitzero"`  // do not hint at it
	Hinted int64             `json:"hinted,omitzero"` // the size that hints say; 0: the log's
}

// peerFork are two ways in which the log goes on.
type peerFork struct {
	First  []json.RawMessage `json:"first"`
	Second []json.RawMessage `json:"second"`
}

// peerRecord is a record in a peer's log, where it is not simply a good one.
type peerRecord struct {
	Record   string  `json:"record,omitzero"`   // the document whose hash stands in the log
	Kind     string  `json:"kind,omitzero"`     // as the entry has it; "": claim
	ParseAs  string  `json:"parseAs,omitzero"`  // as which kind the document is hashed; "": Kind; "bytes": as it stands
	Body     *string `json:"body,omitzero"`     // what is given for the hash; absent: Record
	BodyKind string  `json:"bodyKind,omitzero"` // the kind that is said with it; "": Kind
	Missing  bool    `json:"missing,omitzero"`  // nothing is given
	// Signed makes an assertion's or a revocation's record of what an issuer signed, in the place of Record.
	Signed *peerSigned `json:"signed,omitzero"`

	stated // a statement of the peer's, or of another node, in the place of Record and Kind
}

// peerSigned is what an issuer signed: the payload's bytes, the Ed25519 signature in any spelling, and the key that is named.
type peerSigned struct {
	Payload     string `json:"payload"`
	Signature   string `json:"signature"`
	Fingerprint string `json:"fingerprint"`
}

// record writes the record as a node would log it.
func (s *peerSigned) record(kind string) (string, error) {
	sig, err := protocol.ParseSignature(protocol.Ed25519, s.Signature)
	if err != nil {
		return "", err
	}
	switch kind {
	case "assertion":
		made, err := protocol.NewAssertion([]byte(s.Payload), s.Fingerprint, sig, nil)
		if err != nil {
			return "", err
		}
		return string(made.Raw()), nil
	case "revocation":
		made, err := protocol.NewRevocation([]byte(s.Payload), s.Fingerprint, sig)
		if err != nil {
			return "", err
		}
		return string(made.Raw()), nil
	}
	return "", fmt.Errorf("issuers sign assertions and revocations, and no %q", kind)
}

// playPeer has one of the suite's peers do something, and tells all nodes to look. The object has the parts domain, origin, hash (of the origin, in hex),
// size, key, mirror (the path of its mirrors).
func playPeer(ctx context.Context, p *play, args *peerArgs) error {
	if p.world.Peers == nil {
		return fmt.Errorf("%w: the case lacks \"peer\" under needs", errSteps)
	}
	played := p.world.Peers.Get(peer.Domain(p.c.ID, args.Name, p.world.Suffix))
	if played == nil {
		return fmt.Errorf("%w: the run has no peer %s", errSteps, peer.Domain(p.c.ID, args.Name, p.world.Suffix))
	}
	_, known := p.vars[args.As]
	if err := p.changePeer(played, args, known); err != nil {
		return fmt.Errorf("%w: the peer %s: %w", errSteps, played.Domain(), err)
	}
	hash := hashOf(played.Origin())
	if err := p.make(args.As, &object{text: played.Domain(), parts: map[string]string{
		"domain": played.Domain(), "origin": played.Origin(), "hash": hash, "size": strconv.FormatInt(played.Size(), 10), "key": played.LogKey().String(),
		"mirror": "/mirror/" + hash,
	}}); err != nil {
		return err
	}
	if args.Quiet {
		return nil
	}
	for _, node := range p.world.Nodes {
		if err := played.Hint(ctx, recorder{p}, node.URL, args.Hinted); err != nil {
			return fmt.Errorf("a hint: %w", err)
		}
	}
	return nil
}

// changePeer does what a step says.
func (p *play) changePeer(played *peer.Peer, args *peerArgs, known bool) error {
	at := p.world.Now().Add(-time.Minute)
	if args.At != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, args.At); err != nil {
			return err
		}
	}
	for _, name := range args.Issuers {
		if err := p.hostIssuer(played, name); err != nil {
			return err
		}
	}
	if known && args.Descriptor != "" {
		name := args.Descriptor
		if name == "good" {
			name = ""
		}
		if err := played.Describe(name); err != nil {
			return err
		}
	}
	if args.Rewind != nil {
		if err := played.Rewind(*args.Rewind); err != nil {
			return err
		}
	}
	if len(args.Append) > 0 {
		records, err := p.peerRecords(played, at, args.Append)
		if err == nil {
			err = played.Append(at, records...)
		}
		if err != nil {
			return err
		}
	}
	if args.Fork != nil {
		first, err := p.peerRecords(played, at, args.Fork.First)
		if err != nil {
			return err
		}
		second, err := p.peerRecords(played, at, args.Fork.Second)
		if err != nil {
			return err
		}
		if err := played.Fork(at, first, second); err != nil {
			return err
		}
	}
	if args.Lie == nil {
		return nil
	}
	p.cleanups = append(p.cleanups, func() { _ = played.Lie("") }) // so that it takes nobody's time after the case
	return played.Lie(*args.Lie)
}

// askedArgs are the members of "asked".
type askedArgs struct {
	Of   string `json:"of"`   // the name of a peer
	Path string `json:"path"` // as in /log/entries
	// Since is a count of before, which is taken off.
	Since text `json:"since,omitzero"`
}

// askedOf tells how often a peer was asked for a page. Its answer has count.
func askedOf(_ context.Context, p *play, args *askedArgs) error {
	played, err := p.peerOf(args.Of)
	if err != nil {
		return err
	}
	before := 0
	if args.Since != "" {
		if before, err = strconv.Atoi(string(args.Since)); err != nil {
			return fmt.Errorf("%w: since: %w", errSteps, err)
		}
	}
	p.answer, err = jsonAnswer(map[string]any{"count": played.Asked(args.Path) - before})
	return err
}

func (p *play) peerRecords(played *peer.Peer, at time.Time, list []json.RawMessage) ([]peer.Record, error) {
	records := make([]peer.Record, len(list))
	for i, raw := range list {
		var claim string
		var err error
		if json.Unmarshal(raw, &claim) == nil {
			records[i], err = peer.NewRecord("claim", []byte(claim))
		} else {
			records[i], err = p.peerRecordOf(played, at, raw)
		}
		if err != nil {
			return nil, err
		}
	}
	return records, nil
}

func (p *play) peerRecordOf(played *peer.Peer, at time.Time, raw json.RawMessage) (made peer.Record, err error) {
	var args peerRecord
	if err := decode(raw, &args); err != nil {
		return made, err
	}
	said, err := args.statement()
	if err != nil {
		return made, err
	}
	if said != nil {
		if args.Kind, args.Record, err = p.state(played, at, said); err != nil {
			return made, err
		}
	}
	if args.Kind == "" {
		args.Kind = "claim"
	}
	if args.Signed != nil {
		if args.Record, err = args.Signed.record(args.Kind); err != nil {
			return made, err
		}
	}
	switch args.ParseAs {
	case "bytes":
		made = peer.FormlessRecord(args.Kind, []byte(args.Record))
	case "hash":
		made = peer.Record{Body: []byte(args.Record)}
		if _, err = hex.Decode(made.Hash[:], []byte(args.Record)); err != nil {
			return made, err
		}
	case "":
		made, err = peer.NewRecord(args.Kind, []byte(args.Record))
	default:
		made, err = peer.NewRecord(args.ParseAs, []byte(args.Record))
	}
	if err != nil {
		return made, err
	}
	made.Kind, made.BodyKind = args.Kind, args.BodyKind
	if args.Body != nil {
		made.Body = []byte(*args.Body)
	}
	if args.Missing {
		made.Body = nil
	}
	return made, nil
}
