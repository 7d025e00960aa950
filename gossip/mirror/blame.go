package mirror

import "sync"

// badPeers are the peers that one piece of work will not ask again, with the first error of each. The zero value is ready.
type badPeers struct {
	mu     sync.Mutex
	errors map[string]error // owned by mu; by domain
}

func (b *badPeers) add(domain string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.errors == nil {
		b.errors = make(map[string]error)
	}
	if b.errors[domain] == nil {
		b.errors[domain] = err
	}
}

// of returns the peer's first error, nil while it has none.
func (b *badPeers) of(domain string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.errors[domain]
}

// blame notes a peer's lie: for the operator, and in the book, where it shows as the peer's last error.
func (m *Mirror) blame(domain string, err error) {
	m.stats.lies.Add(1)
	m.log.Warn("a peer lies", "peer", domain, "error", err)
	m.book.Report(domain, err, 0, 0)
}
