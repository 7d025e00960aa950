package store

import (
	"github.com/tidwall/btree"

	"mirnode/protocol"
)

// entry is a key in memory.
type entry struct {
	key
	tag uint64 // of subjects, see termHasher.tag; or removed
}

// removed, in place of a tag, marks an entry of an erased record, or one that moved: it stays until the next merge, to hide and then remove the one on disk.
// It is no tag of a subject, whose lowest bit is 0.
const removed = 1

// shortHash is as much of a hash as tells records apart in memory. That a record is the one asked for is seen when it is read.
type shortHash [16]byte

func short(hash [32]byte) shortHash { return shortHash(hash[:]) }

// table is one generation of index keys in memory. Neither keys nor values hold pointers, so the garbage collector passes over them.
// Store.state guards it.
type table struct {
	ids     map[shortHash]uint64 // sigHash to sequence, of claims, assertions and revocations
	hashes  map[shortHash]uint64 // record hash to sequence
	terms   *btree.BTreeG[entry]
	lastSeq uint64   // the newest record in it
	erased  []uint64 // sequences of erased records, whose entries are marked as removed

	// marks has a bit for each term that the table may have, chosen by the term's own bits, which are a hash's. Most look-ups are of what is on disk
	// alone, and need not search the tree.
	marks [termMarks / 64]uint64
}

// termMarks is the number of marks, half a MiB of them: of a full table's terms, half a million or so, some one in eight marks is set.
const termMarks = 1 << 22

func newTable() *table {
	less := func(a, b entry) bool { return compareKeys(a.key, b.key) < 0 }
	return &table{
		ids: make(map[shortHash]uint64), hashes: make(map[shortHash]uint64),
		terms: btree.NewBTreeGOptions(less, btree.Options{NoLocks: true}),
	}
}

// names are what a record is looked up by.
type names struct {
	seq             uint64
	sigHash, record [32]byte
	named           bool // it has a sigHash: statements have none
	claim           bool
}

func (r *logRecord) names() names {
	return names{seq: r.Seq, sigHash: r.SigHash, record: r.RecordHash, named: named(r.Kind), claim: r.Kind == protocol.KindClaim}
}

// named tells whether records of the kind are looked up by a hash besides their own.
func named(kind protocol.Kind) bool {
	return kind == protocol.KindClaim || kind == protocol.KindAssertion || kind == protocol.KindRevocation
}

// homely tells whether records of the kind count in the logs of their issuer's home alone.
func homely(kind protocol.Kind) bool {
	switch kind {
	case protocol.KindAssertion, protocol.KindRevocation, protocol.KindIssuer, protocol.KindMetadata:
		return true
	}
	return false
}

// add takes in the keys of a record. Adding one again changes nothing. An erased one has no terms.
func (t *table) add(n *names, terms *recordTerms) {
	entries := terms.entries(n.seq)
	for _, e := range entries[:terms.count] {
		t.set(e)
	}
	t.name(n)
	t.lastSeq = max(t.lastSeq, n.seq)
}

// set takes in an entry, or changes its tag.
func (t *table) set(e entry) {
	t.mark(e.term)
	t.terms.Set(e)
}

// mark notes that the table may have keys of a term.
func (t *table) mark(term uint64) {
	bit := term % termMarks
	t.marks[bit/64] |= 1 << (bit % 64)
}

// mayHave is false where the table has no keys of a term, for sure.
func (t *table) mayHave(term uint64) bool {
	bit := term % termMarks
	return t.marks[bit/64]&(1<<(bit%64)) != 0
}

// name takes in what a record is looked up by.
func (t *table) name(n *names) {
	if n.named {
		t.ids[short(n.sigHash)] = n.seq
	}
	t.hashes[short(n.record)] = n.seq
}

// sequence is the record that the table knows by this hash.
func (t *table) sequence(l *lookup) (seq uint64, known bool) {
	if l.by == bySigHash {
		seq, known = t.ids[short(l.hash)]
	} else {
		seq, known = t.hashes[short(l.hash)]
	}
	return seq, known
}

// remove marks the keys of an erased record.
func (t *table) remove(seq uint64, keys [3]key) {
	for _, k := range keys {
		t.set(entry{key: k, tag: removed})
	}
	t.erased = append(t.erased, seq)
}

// end moves the entry of an assertion among its artifact's to where the ended ones stand.
func (t *table) end(seq uint64, terms *recordTerms) {
	at := positionOf(terms.at, seq)
	t.set(entry{key: key{terms.terms[0], at.standing()}, tag: removed})
	t.set(entry{key: key{terms.terms[0], at.ended()}, tag: terms.tag})
}

// amends tells whether the table has keys of a term of amendments, and whether a revocation's is among the first of them.
func (t *table) amends(term uint64) (found, ended bool) {
	if !t.mayHave(term) {
		return false, false
	}
	left := maxAmendments
	t.terms.Ascend(entry{key: key{term: term}}, func(e entry) bool {
		if left--; e.term != term || left < 0 {
			return false
		}
		found, ended = true, ended || e.tag == ends
		return !ended
	})
	return found, ended
}

// claims is the number of records that the table bears the keys of, erasures counted too.
func (t *table) claims() int { return len(t.hashes) + len(t.erased) }

// next returns up to len(into) entries of the term of from, from that key on (or after it).
func (t *table) next(from key, after bool, into []entry) []entry {
	into = into[:0]
	if !t.mayHave(from.term) {
		return into
	}
	t.terms.Ascend(entry{key: from}, func(e entry) bool {
		if e.term != from.term || len(into) == cap(into) {
			return false
		}
		if !after || e.key != from {
			into = append(into, e)
		}
		return true
	})
	return into
}
