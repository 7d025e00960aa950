package assertions

import (
	"encoding/binary"

	"mirnode/store"
)

// The texts of guidance: they tell a reader what the answer does not say.
const (
	guidanceNone      = "No assertions found for this artifact. Absence of assertions is not evidence of anything."
	guidancePlain     = "MIR records who made each assertion. MIR does not verify content accuracy."
	guidanceConflicts = "Issuers disagree about this artifact. MIR keeps what each of them says and does not judge between them: see who says what, and how each issuer was verified."
	guidanceDisputed  = "This artifact is disputed: at least one issuer contests what is said about it. MIR keeps who says what and does not judge: see who disputes it, and how each issuer was verified."
	guidanceRevoked   = "Every assertion about this artifact was revoked by its issuer. They are shown as history: at present no issuer says anything about it."
)

// standing is what the assertions about one artifact come to together. Revoked ones count as seen and for nothing else.
type standing struct {
	seen, active int
	disputed     bool
	issued       parties // who says ISSUED_BY
	denied       parties // who says NOT_ISSUED_BY
}

// parties is the set of those who say one thing, as far as conflicts ask for it: one of them, and whether there are others.
type parties struct {
	first [maxIssuerID]byte
	bytes int // of first; 0: nobody
	more  bool
}

// maxIssuerID bounds an issuer's ID: "issuer_" and 32 hex digits. A longer one is cut, and parsers let none pass.
const maxIssuerID = 39

func (p *parties) add(issuer []byte) {
	if p.bytes == 0 {
		p.bytes = copy(p.first[:], issuer)
		return
	}
	p.more = p.more || string(p.first[:p.bytes]) != string(issuer)
}

// against tells whether somebody of p says the opposite of what somebody else of o says. An issuer does not contradict itself: it
// corrects itself.
func (p *parties) against(o *parties) bool {
	if p.bytes == 0 || o.bytes == 0 {
		return false
	}
	return p.more || o.more || p.first != o.first
}

// add takes an assertion in.
func (s *standing) add(issuer, typ []byte, revoked bool) {
	s.seen++
	if revoked {
		return
	}
	s.active++
	switch string(typ) {
	case "ISSUED_BY":
		s.issued.add(issuer)
	case "NOT_ISSUED_BY":
		s.denied.add(issuer)
	case "DISPUTE":
		s.disputed = true
	}
}

// addAll takes in that active assertions of a type are there, and who makes them.
func (s *standing) addAll(typ string, who store.Sayers) {
	s.active++
	those := parties{more: who.More, bytes: 8}
	binary.BigEndian.PutUint64(those.first[:], who.One)
	switch typ {
	case "ISSUED_BY":
		s.issued = those
	case "NOT_ISSUED_BY":
		s.denied = those
	case "DISPUTE":
		s.disputed = true
	}
}

// conflicts tells whether active assertions contradict each other.
func (s *standing) conflicts() bool { return s.disputed || s.issued.against(&s.denied) }

// guidance is the text for a reader.
func (s *standing) guidance() string {
	switch {
	case s.seen == 0:
		return guidanceNone
	case s.active == 0:
		return guidanceRevoked
	case s.issued.against(&s.denied):
		return guidanceConflicts
	case s.disputed:
		return guidanceDisputed
	}
	return guidancePlain
}
