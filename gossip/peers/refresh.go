package peers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mirnode/discovery"
	"mirnode/internal/strictjson"
	"mirnode/protocol"
)

const (
	// DefaultRefreshEvery is how often a peer's descriptor is read again where nothing calls for it sooner.
	DefaultRefreshEvery = 10 * time.Minute
	// missingMost is the longest wait between two looks for a seed that was not found yet.
	missingMost = 30 * time.Second
	// missingFirst is the wait after the first look.
	missingFirst = 250 * time.Millisecond
	// wokenEvery is the least time between looks, while they fail, that others cause: after a cut one of them ends the wait.
	wokenEvery = 3 * time.Second
	// readTimeout bounds the reading of one peer's descriptor, over all places where it may lie.
	readTimeout = 30 * time.Second
	// readAtOnce bounds the descriptors that are read at the same time.
	readAtOnce = 8
	// refreshPatience is how long Refresh waits for what it began.
	refreshPatience = 2 * time.Second
	// forgetAfter is how long after its end the descriptor of a stranger is forgotten.
	forgetAfter = 30 * 24 * time.Hour
	// exchangeWith is the number of peers whose descriptors are asked for in one round.
	exchangeWith = 3
)

// source is where a peer's descriptor is read from: by domain, or at an address.
type source struct {
	name      string // the domain, or the address
	domain    string // "" for an address that nothing was read from yet
	url       string // "" for a domain
	seed      bool
	failures  int
	next      time.Time
	woken     time.Time // when somebody last had it read sooner
	lastError string
	running   bool
}

// Woken is signalled when a peer's descriptor should be read sooner than Refresh said.
func (b *Book) Woken() <-chan struct{} { return b.wake }

func (b *Book) poke() {
	select {
	case b.wake <- struct{}{}:
	default: // somebody will look anyway
	}
}

// Wake has the domain's descriptor read again soon, where that is a domain that is read at all: gossip spoke of another one, or the
// peer told us something though we have not found it yet. It never blocks. Nobody can make us read more often than every
// missingFirst after a look that succeeded, nor than every wokenEvery while looks fail.
func (b *Book) Wake(domain string) {
	b.mu.Lock()
	now := b.o.Now()
	for _, s := range b.sources {
		if s.domain != domain || s.running || !s.next.After(now.Add(missingFirst)) {
			continue
		}
		if s.failures < 2 || now.Sub(s.woken) >= wokenEvery {
			s.woken = now
			s.next = now.Add(missingFirst)
			defer b.poke()
		}
	}
	b.mu.Unlock()
}

// hurry makes the domain's sources due. The caller holds mu.
func (b *Book) hurry(domain string, now time.Time) {
	for _, s := range b.sources {
		if s.domain == domain || s.name == domain {
			s.failures, s.next = 0, now
		}
	}
}

// follow makes sure that a peer's descriptor is read again. The caller holds mu.
func (b *Book) follow(e *entry) {
	for _, s := range b.sources {
		if s.domain == e.domain {
			return
		}
	}
	b.sources[e.domain] = &source{name: e.domain, domain: e.domain, next: b.o.Now().Add(b.spread())}
}

// spread is the time to the next regular reading: RefreshEvery, give or take a fifth. The caller holds mu.
func (b *Book) spread() time.Duration {
	every := b.o.RefreshEvery
	return every - every/5 + time.Duration(b.o.Random.Int64N(int64(2*every/5)+1))
}

// Refresh reads the descriptors that are due, and returns when to call it again. What takes longer than refreshPatience goes on by itself
// and pokes when it is done, so that a peer that hangs holds up no other. It is called by one goroutine; Wait waits for what goes on.
func (b *Book) Refresh(ctx context.Context) (next time.Time) {
	var round sync.WaitGroup
	var left atomic.Bool
	for _, s := range b.due() {
		round.Add(1)
		b.reading.Go(func() {
			defer round.Done()
			b.slots <- struct{}{}
			b.refresh(ctx, s)
			<-b.slots
			if left.Load() {
				b.poke()
			}
		})
	}
	done := make(chan struct{})
	b.reading.Go(func() {
		round.Wait()
		close(done)
	})
	patience := time.NewTimer(refreshPatience)
	defer patience.Stop()
	select {
	case <-done:
	case <-patience.C:
		left.Store(true)
	}
	return b.next()
}

// Seeking tells whether the operator named a peer of which nothing is known, and that was not looked for to the end once: it may be there.
func (b *Book) Seeking() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.sources {
		if e := b.entries[s.domain]; s.seed && s.next.IsZero() && (e == nil || e.descriptor == nil) && !b.blocked(s.domain) {
			return true
		}
	}
	return false
}

// Wait waits for what Refresh left going on, which ends with its context.
func (b *Book) Wait() { b.reading.Wait() }

// due marks and returns the sources to read now.
func (b *Book) due() (due []*source) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.o.Now()
	b.expire()
	for name, s := range b.sources {
		switch e := b.entries[s.domain]; {
		case !s.seed && (e == nil || e.descriptor == nil || now.After(e.descriptor.ExpiresAt.Add(forgetAfter))):
			delete(b.sources, name)
			b.forget(e)
		case s.domain != "" && b.blocked(s.domain):
			s.next = now.Add(b.o.RefreshEvery)
		case !s.running && !s.next.After(now):
			s.running = true
			due = append(due, s)
		}
	}
	return due
}

// forget drops a stranger that is long gone. The caller holds mu.
func (b *Book) forget(e *entry) {
	if e == nil || e.seed || e.descriptor == nil {
		return
	}
	e.descriptor, e.logs, e.raises, e.dirty = nil, nil, nil, true
	b.settle()
}

func (b *Book) next() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := b.o.Now().Add(b.o.RefreshEvery)
	for _, s := range b.sources {
		if !s.running && s.next.Before(next) {
			next = s.next
		}
	}
	return next
}

func (b *Book) refresh(ctx context.Context, s *source) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	domain, err := b.read(ctx, s)
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.o.Now()
	s.running = false
	if err == nil {
		s.domain, s.failures, s.lastError, s.next = domain, 0, "", now.Add(b.spread())
		return
	}
	s.failures++
	s.lastError = clip(err.Error())
	most := b.o.RefreshEvery
	if e := b.entries[s.domain]; e == nil || e.descriptor == nil || !e.descriptor.Valid(now) {
		most = min(most, missingMost)
	}
	s.next = now.Add(b.backoff(s.failures, missingFirst, most))
	b.o.Logger.Debug("no descriptor", "peer", s.name, "error", s.lastError, "failures", s.failures)
}

// read tries the places where a source's descriptor may lie, and returns whose it is. The error is fit for people, and that of the best place:
// a node that SRV names and that is out of order is the news, and not that its domain itself has no descriptor.
func (b *Book) read(ctx context.Context, s *source) (domain string, err error) {
	for _, place := range b.places(ctx, s) {
		domain, failed := b.readAt(ctx, s, place)
		if failed == nil {
			return domain, nil
		}
		if err == nil {
			err = failed
		}
	}
	if err == nil {
		err = errors.New("there is no place to read its descriptor from")
	}
	return "", err
}

// readAt is read for one place.
func (b *Book) readAt(ctx context.Context, s *source, place string) (domain string, err error) {
	d, err := b.fetch(ctx, place)
	if err != nil {
		return "", err
	}
	if s.domain != "" && d.Domain != s.domain && s.url == "" {
		return "", fmt.Errorf("%s holds the descriptor of another domain, %s", place, clip(d.Domain))
	}
	_, err = b.observe(ctx, d, place, s.seed)
	if err == nil || errors.Is(err, ErrStale) {
		return d.Domain, nil // an old copy somewhere is no fault of the node
	}
	var unreachable *protocol.UnreachableError
	if errors.As(err, &unreachable) {
		return "", errors.New("its domain's keys cannot be looked up now")
	}
	return "", err
}

// places lists the URLs: where the node is known to be, where the operator says, where its domain says.
func (b *Book) places(ctx context.Context, s *source) (list []string) {
	if s.url != "" {
		return []string{s.url + discovery.NodePath}
	}
	b.mu.Lock()
	if e := b.entries[s.domain]; e != nil && e.descriptor != nil {
		list = append(list, e.descriptor.URL+discovery.NodePath)
	}
	b.mu.Unlock()
	found, err := b.o.Finder.NodeURLs(ctx, s.domain)
	if err != nil {
		b.o.Logger.Debug("no SRV records", "peer", s.domain, "error", err)
	}
	for _, u := range found {
		if !slices.Contains(list, u) {
			list = append(list, u)
		}
	}
	return list
}

// fetch reads one document.
func (b *Book) fetch(ctx context.Context, place string) (*protocol.Descriptor, error) {
	body, status, err := b.o.Finder.Document(ctx, place)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %s", place, discovery.Explain(err))
	case status != http.StatusOK:
		return nil, fmt.Errorf("%s: it answered %d %s", place, status, http.StatusText(status))
	}
	d, err := protocol.ParseDescriptor(body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", place, err)
	}
	return d, nil
}

// Exchange asks a few peers which descriptors they hold, and takes in what is new and allowed.
func (b *Book) Exchange(ctx context.Context, c *Client) {
	list := slices.Clone(b.Admitted())
	b.mu.Lock()
	b.o.Random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	b.mu.Unlock()
	for _, p := range list[:min(len(list), exchangeWith)] {
		if err := b.exchange(ctx, c, p); err != nil {
			b.o.Logger.Debug("no descriptors", "peer", p.Domain, "error", err)
		}
	}
}

func (b *Book) exchange(ctx context.Context, c *Client, p Peer) error {
	body, err := c.Get(ctx, p, "/peers/descriptors", MaxDescriptorsBytes)
	if err != nil {
		return err
	}
	var answer struct {
		Descriptors []string `json:"descriptors"`
	}
	if err := strictjson.Unmarshal(body, &answer); err != nil {
		err = fmt.Errorf("its list of descriptors cannot be read: %w", err)
		b.Report(p.Domain, err, 0, 0)
		return err
	}
	budget := maxVerifications
	for _, document := range answer.Descriptors[:min(len(answer.Descriptors), MaxDescriptors)] {
		d, err := protocol.ParseDescriptor([]byte(document))
		if err != nil {
			continue // one bad document does not spoil the rest
		}
		asked, err := b.observe(ctx, d, p.Domain, false)
		if asked {
			budget--
		}
		if ctx.Err() != nil || budget == 0 {
			return ctx.Err()
		}
		if err != nil {
			b.o.Logger.Debug("a descriptor is not taken", "domain", d.Domain, "from", p.Domain, "error", err)
		}
	}
	return nil
}

// parseAddress reads the URL of a node: https://host or https://host:port.
func parseAddress(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("peers: %q is no address of a node: write https://host or https://host:port", address)
	}
	return "https://" + u.Host, nil
}
