package assertions

import (
	"encoding/hex"
	"time"

	"mirnode/store"
)

// page is the assertions of an answer, written while the store shows them. What an issuer is known as may have to be read from the store too,
// which must not be asked within its own reading; so the pieces are written first, with a gap where the issuer belongs, and put together
// afterwards. A page is used again: its buffers grow to the largest answer.
type page struct {
	text    []byte
	pieces  []piece
	entries []entry

	present      int  // the entry that is being written
	room         int  // the length of text at which it is full
	withArtifact bool // each assertion names its artifact
	err          error

	stolen bool // see appendPieces

	visit func(*store.AssertionState) // add, bound once
}

// piece is an assertion in text: [from:issuer], then the issuer's ID in place of its object, [said:keyed], which ends with the fingerprint of the key (from prints on),
// then, depending on the issuer, who vouches for the key, and [keyed:until].
type piece struct {
	id                                       [32]byte
	seq                                      uint64 // in the store
	active                                   bool
	taken                                    time.Time // by the home
	from, issuer, said, prints, keyed, until int
}

// entry is what is said about one artifact.
type entry struct {
	artifact    [32]byte
	first, last int // pieces[first:last]
	standing    standing
	truncated   bool
	cursor      string // where the rest begins, if it is truncated
}

// maxKeptText is the largest text, in bytes, that is kept for the next answer.
const maxKeptText = 1 << 20

func newPage() *page {
	p := new(page)
	p.visit = p.add
	return p
}

func (s *Service) openPage() *page { return s.pages.Get().(*page) }

// closePage keeps the page's buffers for the next answer.
func (s *Service) closePage(p *page) {
	if cap(p.text) > maxKeptText {
		return
	}
	p.text, p.pieces, p.entries = p.text[:0], p.pieces[:0], p.entries[:0]
	p.withArtifact, p.err = false, nil
	s.pages.Put(p)
}

// prepare makes an entry for each artifact.
func (p *page) prepare(artifacts ...[32]byte) {
	for _, artifact := range artifacts {
		p.entries = append(p.entries, entry{artifact: artifact})
	}
}

// begin begins the i-th entry, which may have so many bytes of text.
func (p *page) begin(i, room int) {
	p.present = i
	p.entries[i].first, p.entries[i].last = len(p.pieces), len(p.pieces)
	p.room = len(p.text) + room
}

func (p *page) entry() *entry { return &p.entries[p.present] }

// add writes an assertion, unless the entry has all that it may have.
func (p *page) add(a *store.AssertionState) {
	e := p.entry()
	e.standing.add(a.Issuer, a.Type, a.Revocation != nil)
	if e.truncated = e.truncated || len(p.text) >= p.room; e.truncated || p.err != nil {
		return
	}
	made := piece{id: a.SigHash, seq: a.Seq, active: a.Revocation == nil, taken: a.HomeIngestedAt, from: len(p.text)}
	b := appendID(append(p.text, `{"id":`...), a.SigHash)
	b = append(append(b, `,"type":"`...), a.Type...)
	b = append(b, `","issuer":`...)
	made.issuer = len(b)
	b = append(b, a.Issuer...)
	made.said = len(b)
	b, p.err = appendSaid(b, a)
	made.prints = len(b)
	b = append(append(b, a.KeyFingerprint...), '"')
	made.keyed = len(b)
	if b = appendEnding(b, a); p.err == nil {
		b, p.err = appendReason(b, a)
	}
	if p.withArtifact {
		b = append(hex.AppendEncode(append(b, `,"artifactHash":"`...), a.Artifact[:]), '"')
	}
	b = append(b, '}')
	made.until = len(b)
	p.text, p.pieces = b, append(p.pieces, made)
	e.last = len(p.pieces)
}

func (p *page) issuerID(at *piece) []byte { return p.text[at.issuer:at.said] }

func (p *page) fingerprint(at *piece) []byte { return p.text[at.prints : at.keyed-1] }
