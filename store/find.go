package store

import (
	"bytes"
	"context"
	"slices"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
)

// Find answers a query. It looks at no more than Options.ScanKeys index keys. What was appended before the call is found, whether its keys
// are in memory, on disk, or on their way. Errors wrap ErrInvalid (ErrCursor for a bad cursor) where the query is at fault.
func (s *Store) Find(ctx context.Context, q Query) (Page, error) {
	var page Page
	cursor, err := s.Visit(ctx, q, func(r *Record) {
		page.Records = append(page.Records, r.keep())
	})
	if err != nil {
		return Page{}, err
	}
	page.Cursor = cursor
	return page, nil
}

// Visit is Find without a copy: it shows the page's records to visit, one after the other, and returns the page's cursor. A record and its Raw are good until
// visit returns. visit must neither wait nor call the store, whose files are being read meanwhile. After an error what was shown is not the whole page.
func (s *Store) Visit(ctx context.Context, q Query, visit func(*Record)) (cursor string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	c, err := s.scan(q)
	if err != nil {
		return "", err
	}
	return s.visit(ctx, c, visit)
}

func (s *Store) visit(ctx context.Context, c scan, visit func(*Record)) (cursor string, err error) {
	r, err := s.read()
	if err != nil {
		return "", err
	}
	defer r.end(&err)
	p := pageReader{reader: r, scan: c, visit: visit}
	return p.read(ctx)
}

// pageReader shows the records of one page.
type pageReader struct {
	*reader
	scan  scan
	visit func(*Record)
	shown int
	bytes int // of the claims shown
}

// read shows records until the page is full, the range ends, or the work's bound is reached.
func (p *pageReader) read(ctx context.Context) (cursor string, err error) {
	last := p.scan.from.at
	p.terms.start(p.scan.from, p.scan.after)
	for range p.store.options.ScanKeys {
		e, ok := p.terms.from.next()
		if !ok || compareKeys(e.key, p.scan.until) >= 0 {
			return "", nil
		}
		if e.tag != removed && e.tag&p.scan.tagMask == p.scan.tag {
			if p.full() {
				break
			}
			if err := p.show(ctx, e.at.seq()); err != nil {
				return "", err
			}
		}
		last = e.at
	}
	return p.store.makeCursor(last, p.scan.digest()), nil
}

// full tells whether the page has all that it may hold.
func (p *pageReader) full() bool {
	return p.shown == p.scan.limit || p.scan.bytes > 0 && p.bytes >= p.scan.bytes
}

// show shows the record if it is there still and is what the query asks for: keys hold hashes, records the texts.
func (p *pageReader) show(ctx context.Context, seq uint64) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := p.at(seq, &p.record); err != nil {
		return err
	}
	r, c := &p.record, &p.scan
	if r.erased || r.Kind != c.kind ||
		c.subject != "" && string(r.subject) != c.subject ||
		c.domain != "" && c.kind == protocol.KindClaim && !bytes.EqualFold(r.domain, []byte(c.domain)) ||
		c.typ != "" && string(r.typ) != c.typ {
		return nil
	}
	if err := p.store.complete(r, p.log); err != nil {
		return err
	}
	p.shown++
	p.bytes += len(r.Raw)
	callVisitor(func() struct{} {
		p.visit(&r.Record)
		return struct{}{}
	})
	return nil
}

// source gives the entries of one place in ascending order.
type source interface {
	// start goes to a key, or, with after, past it.
	start(from key, after bool)
	// peek is the entry that next would pass over.
	peek() (entry, bool)
	next()
}

// merged gives the entries of several sources in ascending order, each once. Of entries with the same key the first source's counts: it is
// the newest, and knows of erasures that the others don't.
type merged struct{ sources []source }

func (m *merged) next() (best entry, found bool) {
	for _, s := range m.sources {
		if e, ok := s.peek(); ok && (!found || compareKeys(e.key, best.key) < 0) {
			best, found = e, true
		}
	}
	for _, s := range m.sources {
		if e, ok := s.peek(); ok && e.key == best.key {
			s.next()
		}
	}
	return best, found
}

// chunk is how many entries a tableSource takes under one hold of the lock. Most answers are small: taking 64 cost a page of ten a third of its time.
const chunk = 16

// tableSource reads a table some entries at a time, so that the committer need not wait for a whole scan. Of records that came after upTo it
// gives nothing: a view of the log that began before them has not got them.
type tableSource struct {
	store *Store
	table *table
	upTo  uint64
	have  []entry
	done  bool

	buffer [chunk]entry // what have lies in
}

func (s *Store) newTableSource(t *table, c scan, upTo uint64) *tableSource {
	source := &tableSource{store: s, table: t, upTo: upTo}
	source.start(c.from, c.after)
	return source
}

func (s *tableSource) start(from key, after bool) {
	s.done = false
	s.fill(from, after)
}

func (s *tableSource) fill(from key, after bool) {
	s.store.state.RLock()
	defer s.store.state.RUnlock()
	for {
		s.have = s.table.next(from, after, s.buffer[:0])
		if s.done = len(s.have) < chunk; !s.done {
			from, after = s.have[chunk-1].key, true
		}
		s.have = slices.DeleteFunc(s.have, func(e entry) bool { return e.at.seq() > s.upTo })
		if len(s.have) > 0 || s.done {
			return
		}
	}
}

func (s *tableSource) peek() (entry, bool) {
	if len(s.have) == 0 {
		return entry{}, false
	}
	return s.have[0], true
}

func (s *tableSource) next() {
	last := s.have[0].key
	s.have = s.have[1:]
	if len(s.have) == 0 && !s.done {
		s.fill(last, true)
	}
}

// diskSource reads index.db.
type diskSource struct {
	cursor *bbolt.Cursor
	file   string
	term   uint64
	at     entry
	valid  bool
	name   [keyBytes]byte // of the key that it starts at
}

func newDiskSource(tx *bbolt.Tx, file string, c scan) *diskSource {
	defer ascribe(file) // the log is being read around it
	s := &diskSource{cursor: tx.Bucket(termsBucket).Cursor(), file: file}
	s.start(c.from, c.after)
	return s
}

func (s *diskSource) start(from key, after bool) {
	defer ascribe(s.file)
	s.term = from.term
	s.read(s.cursor.Seek(from.appendTo(s.name[:0])))
	if s.valid && after && s.at.key == from {
		s.next()
	}
}

func (s *diskSource) read(k, v []byte) {
	if s.valid = len(k) == keyBytes; !s.valid {
		return
	}
	s.at = entry{key: parseKey(k)}
	s.valid = s.at.term == s.term
	if len(v) == 8 {
		s.at.tag = beUint64(v)
	}
}

func (s *diskSource) peek() (entry, bool) { return s.at, s.valid }

func (s *diskSource) next() {
	defer ascribe(s.file)
	s.read(s.cursor.Next())
}
