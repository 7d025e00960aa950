package store

import "github.com/tidwall/btree"

// entry is a key in memory.
type entry struct {
	key
	tag uint64 // of subjects, see termHasher.tag; or removed
}

// removed, in place of a tag, marks an entry of an erased record: it stays until the next merge, to hide and then remove the one on disk.
// It is no tag of a subject, whose lowest bit is 0.
const removed = 1

// table is one generation of index keys in memory. Neither keys nor values hold pointers, so the garbage collector passes over them.
// Store.state guards it.
type table struct {
	ids     map[[32]byte]uint64 // sigHash to sequence
	terms   *btree.BTreeG[entry]
	lastSeq uint64   // the newest record in it
	erased  []uint64 // sequences whose entries are marked as removed
}

func newTable() *table {
	less := func(a, b entry) bool { return compareKeys(a.key, b.key) < 0 }
	return &table{
		ids:   make(map[[32]byte]uint64),
		terms: btree.NewBTreeGOptions(less, btree.Options{NoLocks: true}),
	}
}

// add takes in the keys of a record. Adding one again changes nothing.
func (t *table) add(seq uint64, sigHash [32]byte, terms claimTerms) {
	for _, e := range terms.entries(seq) {
		t.terms.Set(e)
	}
	t.addErased(seq, sigHash)
}

// addErased takes in a record of which only the sigHash is left.
func (t *table) addErased(seq uint64, sigHash [32]byte) {
	t.ids[sigHash] = seq
	t.lastSeq = max(t.lastSeq, seq)
}

// remove marks the keys of an erased record.
func (t *table) remove(seq uint64, keys [3]key) {
	for _, k := range keys {
		t.terms.Set(entry{key: k, tag: removed})
	}
	t.erased = append(t.erased, seq)
}

// claims is the number of records that the table bears the keys of, erasures counted too.
func (t *table) claims() int { return len(t.ids) + len(t.erased) }

// next returns up to len(into) entries of the term of from, from that key on (or after it).
func (t *table) next(from key, after bool, into []entry) []entry {
	into = into[:0]
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
