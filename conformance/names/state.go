package names

import (
	"strings"
	"sync"
)

// state is what is published, and what was asked. Safe for concurrent use.
type state struct {
	mu      sync.Mutex
	domains map[string]*published // by lower-case name without a trailing dot
}

// published is a domain, and the counts of what was asked about it since it was first published. The state's mutex guards the counts; the domain never changes.
type published struct {
	name   string
	domain Domain
	zone   records
	counts Counts
}

// Publish puts a domain in force, in place of what it published before. Its counts go on.
func (n *Names) Publish(name string, d Domain) error {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	zone, err := makeRecords(name, &d, n.address)
	if err != nil {
		return err
	}
	n.state.mu.Lock()
	defer n.state.mu.Unlock()
	p := &published{name: name, domain: d, zone: zone}
	if before := n.state.domains[name]; before != nil {
		p.counts = before.counts
	}
	n.state.domains[name] = p
	return nil
}

// Remove takes a domain away: it does not exist any more.
func (n *Names) Remove(name string) {
	n.state.mu.Lock()
	defer n.state.mu.Unlock()
	delete(n.state.domains, strings.ToLower(strings.TrimSuffix(name, ".")))
}

// Queries says what the servers were asked about a domain since it was first published.
func (n *Names) Queries(name string) Counts {
	n.state.mu.Lock()
	defer n.state.mu.Unlock()
	if p := n.state.domains[strings.ToLower(name)]; p != nil {
		return p.counts
	}
	return Counts{}
}

// covering gives the published domain that a name is, or is a name below, the longest first; nil if there is none.
func (n *Names) covering(name string) *published {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	n.state.mu.Lock()
	defer n.state.mu.Unlock()
	for {
		if p := n.state.domains[name]; p != nil {
			return p
		}
		_, parent, below := strings.Cut(name, ".")
		if !below {
			return nil
		}
		name = parent
	}
}

// count adds to a domain's counts.
func (n *Names) count(name string, add func(*Counts)) {
	n.state.mu.Lock()
	defer n.state.mu.Unlock()
	if p := n.state.domains[name]; p != nil {
		add(&p.counts)
	}
}
