package store

// termReader gives the entries of one term after another, newest first, each once, out of memory and disk. It allocates nothing once it has been used.
type termReader struct {
	memory  [2]tableSource
	disk    diskSource
	sources [3]source
	from    merged
	term    uint64
}

// choose begins to read the reader's tables and its view of the index.
func (t *termReader) choose(r *reader) {
	t.from.sources = t.sources[:0]
	for i, table := range r.tables {
		if table != nil {
			t.memory[i].store, t.memory[i].table, t.memory[i].upTo = r.store, table, r.upTo
			t.from.sources = append(t.from.sources, &t.memory[i])
		}
	}
	t.from.sources = append(t.from.sources, &t.disk)
}

// close lets go of the files and the tables.
func (t *termReader) close() {
	for i := range t.memory {
		t.memory[i].store, t.memory[i].table = nil, nil
	}
	t.disk.cursor = nil
}

// start goes to a key of a term, or, with after, past it.
func (t *termReader) start(from key, after bool) {
	t.term = from.term
	for _, s := range t.from.sources {
		s.start(from, after)
	}
}

// next gives the next entry of the term that is no erased record's.
func (t *termReader) next() (entry, bool) {
	for {
		e, found := t.from.next()
		if !found || e.term != t.term {
			return entry{}, false
		}
		if e.tag != removed {
			return e, true
		}
	}
}
