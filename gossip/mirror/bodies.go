package mirror

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"mirnode/gossip/peers"
	"mirnode/protocol"
	"mirnode/store"
)

// wanted is a record whose body we lack.
type wanted struct {
	hash [32]byte
	kind protocol.Kind // as the log's entry says
}

// found is what peers had to say about a wanted record.
type found struct {
	record  protocol.Record // the body; nil while nobody gave it
	refusal *protocol.Error // the body is what the entry commits to, and no record
	// answered tells that somebody was there to be asked, so that waiting for the first answer is over.
	answered bool
	erased   *store.ErasedError // what the log's own origin said
}

// done reports whether nobody else need be asked.
func (f *found) done() bool { return f.record != nil || f.refusal != nil }

// bodyLine is a line of the answer of POST /records/fetch.
type bodyLine struct {
	Record  string  `json:"record"`
	Kind    string  `json:"kind"`
	Body    *string `json:"body"`
	Missing bool    `json:"missing"`
	Erased  *struct {
		Reason string    `json:"reason"`
		At     time.Time `json:"at"`
	} `json:"erased"`
}

// A relay's body may have so many times the bytes of the canonical form, and so many more.
const (
	spellingFactor = 3
	spellingMargin = 256
)

// maxFetches bounds the requests that one batch of bodies takes at one peer: an honest answer ends early past 8 MiB alone.
const maxFetches = 8

// fetch asks one peer for the bodies that are not done yet, and writes into all what it gave. Bodies that are whole count even when others
// are not: the error is then a *LieError all the same. An answer of "missing" is no error.
func (m *Mirror) fetch(ctx context.Context, p peers.Peer, origin protocol.Origin, want []wanted, all []found) error {
	var open []int // what is still to be asked of this peer, by place in want
	for i := range want {
		if !all[i].done() {
			open = append(open, i)
		}
	}
	var lied error
	for range maxFetches {
		if len(open) == 0 {
			return lied
		}
		answered, err := m.fetchOnce(ctx, p, origin, want, all, open)
		if lied == nil && isLie(err) {
			lied = err
		}
		if err != nil && answered == 0 {
			return err
		}
		open = open[answered:]
	}
	if len(open) > 0 && lied == nil {
		lied = lie(p.Domain, "it answers a few bodies at a time: %d requests did not bring %d", maxFetches, len(want))
	}
	return lied
}

// fetchOnce sends one request for the open records, and returns how many of them, from the first on, were answered.
func (m *Mirror) fetchOnce(ctx context.Context, p peers.Peer, origin protocol.Origin, want []wanted, all []found, open []int) (int, error) {
	body := append(make([]byte, 0, 16+67*len(open)), `{"records":[`...)
	for n, i := range open {
		if n > 0 {
			body = append(body, ',')
		}
		body = append(hex.AppendEncode(append(body, '"'), want[i].hash[:]), '"')
	}
	body = append(body, "]}"...)
	data, err := m.post(ctx, p, "/records/fetch", "application/json", body, maxBodiesBytes)
	if err != nil {
		return 0, fmt.Errorf("reading bodies at %s: %w", p.Domain, err)
	}
	m.stats.bodyBytes.Add(uint64(len(data)))
	var lied error
	answered := 0
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		data = rest
		if answered == len(open) {
			return answered, lie(p.Domain, "it answered more than the %d bodies asked for", len(open))
		}
		i := open[answered]
		err := m.readBody(p, origin, want[i], line, &all[i])
		if err != nil && lied == nil {
			lied = err
		}
		answered++
	}
	if answered == 0 {
		return 0, lie(p.Domain, "it answered a request for %d bodies with nothing", len(open))
	}
	return answered, lied
}

// readBody takes one line of an answer into f. The error is a *LieError.
func (m *Mirror) readBody(p peers.Peer, origin protocol.Origin, want wanted, line []byte, f *found) error {
	f.answered = true
	var said bodyLine
	if len(line) > maxBodyLine || json.Unmarshal(line, &said) != nil {
		return lie(p.Domain, "a line of its bodies is malformed")
	}
	if said.Record != hex.EncodeToString(want.hash[:]) {
		return lie(p.Domain, "it answered another record than the %x asked for", want.hash[:8])
	}
	switch {
	case said.Erased != nil:
		if p.Domain == origin.Domain && !ordered(want.kind) { // of these nothing is ever erased
			f.erased = &store.ErasedError{Reason: clipReason(said.Erased.Reason), At: said.Erased.At}
		}
		return nil
	case said.Missing:
		return nil
	case said.Body == nil:
		return lie(p.Domain, "a line of its bodies says nothing")
	}
	record, refusal := readRecord(want, protocol.Kind(said.Kind), []byte(*said.Body))
	if record == nil && refusal == nil {
		return lie(p.Domain, "the body that it gave for %x is another", want.hash[:8])
	}
	if record != nil && p.Domain != origin.Domain && origin.Domain != m.own.Origin.Domain && padded(record) {
		return nil // the origin itself may give such a one, and is asked
	}
	f.record, f.refusal = record, refusal
	m.stats.bodies.Add(1)
	if record != nil && protocol.Kind(said.Kind) != want.kind {
		return lie(p.Domain, "it gave the %s %x as a record of another kind", want.kind, want.hash[:8])
	}
	return nil
}

// readRecord reads a body and checks that it is what the entry commits to. Neither a record nor a refusal: it is something else. A refusal
// says that the log commits to these very bytes, and that they are no record of the entry's kind.
//
// Whoever hands a body on may say what it likes: stated, the kind that it gives it, counts for nothing but that a peer who holds the record
// under its true kind can show so. A document of one kind is never one of another.
func readRecord(want wanted, stated protocol.Kind, body []byte) (protocol.Record, *protocol.Error) {
	record, err := protocol.ParseRecord(want.kind, body)
	if err == nil && record.RecordHash() == want.hash {
		return record, nil
	}
	refusal, ok := errors.AsType[*protocol.Error](err)
	if ok && sha256.Sum256(body) == want.hash {
		return nil, refusal
	}
	if other, err := protocol.ParseRecord(stated, body); err == nil && stated != want.kind && other.RecordHash() == want.hash {
		return nil, &protocol.Error{Code: protocol.InvalidSchema, Message: fmt.Sprintf("the log names a %s as a %s", stated, want.kind)}
	}
	return nil, nil
}

// padded reports whether a record is spelled with far more bytes than it takes. An entry does not commit to spelling, so that whoever hands a
// claim on chooses it: a peer's must not cost us more than what escaping of text (three times) and white space come to. An origin's own
// spelling counts, as a client gave it.
func padded(record protocol.Record) bool {
	form, ok := record.(*protocol.Claim) // of all others there is one spelling; without sig, which takes 95 bytes
	return ok && len(record.Raw()) > spellingFactor*len(form.Canonical())+spellingMargin
}

// clipReason bounds what an origin says of an erasure.
func clipReason(s string) string {
	if len(s) > store.MaxReasonBytes {
		s = s[:store.MaxReasonBytes]
	}
	if s == "" {
		s = "erased at its origin"
	}
	return s
}

// sources are the peers to ask for bodies of one log, best first. A liar is left out from then on. Used by several goroutines of one pull.
func (m *Mirror) sources(first peers.Peer, origin protocol.Origin) []peers.Peer {
	var list []peers.Peer
	seen := map[string]bool{m.own.Origin.Domain: true, "": true}
	add := func(p peers.Peer) {
		if !seen[p.Domain] {
			seen[p.Domain] = true
			list = append(list, p)
		}
	}
	add(first)
	if home, ok := m.book.Peer(origin.Domain); ok {
		add(home)
	}
	all := m.book.Admitted()
	start := 0
	if len(all) > 0 {
		start = int(uint64(m.now().UnixNano()/int64(time.Second)) % uint64(len(all))) // others get their turn
	}
	for i := range all {
		if len(list) > maxSources {
			break
		}
		add(all[(start+i)%len(all)])
	}
	return list
}

// gather asks the peers one after the other until each body is there or all were asked. bad tells the peers that must not be asked, and is
// told of new ones. The error says that no peer was there to answer for some body; what was found stands in the answer nonetheless.
func (m *Mirror) gather(ctx context.Context, list []peers.Peer, bad *badPeers, origin protocol.Origin, want []wanted) ([]found, error) {
	all := make([]found, len(want))
	var failed error
	for _, p := range list {
		if err := bad.of(p.Domain); err != nil {
			failed = err
			continue
		}
		err := m.fetch(ctx, p, origin, want, all)
		if ctx.Err() != nil {
			return all, ctx.Err()
		}
		if err != nil {
			m.blame(err)
			bad.add(p.Domain, err)
			failed = err
		}
		if open := lacking(all); open == 0 {
			return all, nil
		}
	}
	for i := range all {
		if !all[i].answered && !all[i].done() {
			if failed == nil {
				failed = ErrBehind
			}
			return all, failed
		}
	}
	return all, nil
}

func lacking(all []found) (n int) {
	for i := range all {
		if !all[i].done() {
			n++
		}
	}
	return n
}
