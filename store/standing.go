package store

import (
	"go.etcd.io/bbolt"

	"mirnode/protocol"
)

// Among the entries of an artifact those of active assertions come first, newest first, and then those of the ended ones. So whatever is revoked or superseded,
// be it without end, stands behind all that is in force, and one reading of one term finds both. The transaction that holds the revocation of an assertion moves
// its entry; so does the start of the store with what the index has not got yet. Nothing that ended becomes active again.

// ends is the tag of a revocation's entry, which tells it from that of a successor.
const ends = 2

// What the tag of an artifact's entry holds: the hash of the home's domain (domainTag), that of the issuer, and the type's number. The lowest bit is left for the
// mark removed.
const (
	issuerTag = 0xffff_ff00
	kindTag   = 0xfe
)

// typeNumbers are the types of assertions by their number in tags, less one. Only ever appended to.
var typeNumbers = [...]protocol.AssertionType{
	protocol.IssuedBy, protocol.NotIssuedBy, protocol.Dispute, protocol.RoleScope, protocol.Intent, protocol.Method, protocol.LicensedTo, protocol.TransformedBy,
}

func tagOfType(typ string) uint64 {
	for i := range typeNumbers {
		if string(typeNumbers[i]) == typ {
			return uint64(i+1) << 1
		}
	}
	return 0
}

// typeIn is the type that a tag names; "" for one that this program does not know.
func typeIn(tag uint64) protocol.AssertionType {
	if n := tag & kindTag >> 1; n > 0 && n <= uint64(len(typeNumbers)) {
		return typeNumbers[n-1]
	}
	return ""
}

// saidBy is the part of an assertion's tag that it tells itself.
func (h termHasher) saidBy(issuer, typ []byte) uint64 {
	return h.term(byIssuer, string(issuer))&issuerTag | tagOfType(string(typ))
}

// end notes that a revocation of the assertion is held. It comes before the revocation itself among the effects: what of these is lost in a crash is done again
// for each revocation that the index has not got.
func (t *transaction) end(held *logRecord) error {
	terms, err := t.store.termsOf(held)
	if err != nil {
		return err
	}
	t.effects = append(t.effects, effect{names: names{seq: held.Seq}, terms: terms, end: true})
	return nil
}

// ending is what of a part of the log bears on whether an assertion has ended: a revocation, or an assertion that came after what amends it.
type ending struct {
	target [32]byte // the hash in the assertion's ID
	issuer string
	seq    uint64 // of the assertion; 0: it is to be looked for
}

// noteEnding notes a record that tells of an assertion's end, or may have one.
func (p *part) noteEnding(r *logRecord) error {
	switch {
	case r.erased:
	case r.Kind == protocol.KindRevocation:
		var f amendmentFacts
		if err := f.read(r); err != nil {
			return err
		}
		p.endings = append(p.endings, ending{target: f.target, issuer: string(f.issuer)})
	case r.Kind == protocol.KindAssertion && r.amended:
		var f assertionFacts
		if err := f.read(r); err != nil {
			return err
		}
		p.endings = append(p.endings, ending{target: r.SigHash, issuer: string(f.issuer), seq: r.Seq})
	}
	return nil
}

// endAgain moves, in a table that was read from the log, the entries of what ended: of what a revocation in the table names, wherever that is, and of what is in
// the table itself and was revoked before.
func (s *Store) endAgain(t *table, parts []part) error {
	tables := [...]*table{t, s.state.active, s.state.merging}
	return s.index.view(func(index *bbolt.Tx) error {
		return s.log.view(func(log *bbolt.Tx) error {
			ids, terms, records := index.Bucket(idsBucket).Cursor(), index.Bucket(termsBucket).Cursor(), log.Bucket(recordsBucket).Cursor()
			for i := range parts {
				for _, e := range parts[i].endings {
					seqs := []uint64{e.seq}
					if e.seq == 0 {
						seqs = appendCandidates(nil, ids, e.target)
						for _, table := range tables {
							if table != nil {
								seqs = append(seqs, table.ids[short(e.target)])
							}
						}
					} else if !s.endedBefore(&e, tables[1:], terms) {
						continue
					}
					if err := s.endIn(t, &e, seqs, records); err != nil {
						return err
					}
				}
			}
			return nil
		})
	})
}

// endedBefore tells whether what was indexed before has a revocation of the assertion.
func (s *Store) endedBefore(e *ending, tables []*table, terms *bbolt.Cursor) bool {
	term := s.terms.amendedBy(&e.target, []byte(e.issuer))
	for _, table := range tables {
		if table == nil {
			continue
		}
		if _, ended := table.amends(term); ended {
			return true
		}
	}
	r := relation{later: [2]uint64{term}}
	r.lookUpLater(terms)
	return r.ended
}

// endIn moves the entry of the one of these records that is the assertion, if any is.
func (s *Store) endIn(t *table, e *ending, seqs []uint64, records *bbolt.Cursor) error {
	for _, seq := range seqs {
		if seq == 0 || seq > s.lastSeq {
			continue
		}
		r, err := s.log.recordAt(records, seq)
		if err != nil {
			return err
		}
		if r.erased || r.Kind != protocol.KindAssertion || r.SigHash != e.target {
			continue
		}
		var f assertionFacts
		if err := f.read(&r); err != nil {
			return s.log.corrupt(seq, err)
		}
		if string(f.issuer) != e.issuer {
			return nil
		}
		terms, err := s.termsOf(&r)
		if err != nil {
			return err
		}
		t.end(seq, &terms)
		return nil
	}
	return nil
}
