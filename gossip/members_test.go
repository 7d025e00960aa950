package gossip_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// members follows by the node's log who the members of its hint channel are.
type members struct {
	mu      sync.Mutex
	names   map[string]bool            // owned by mu
	waiting map[chan struct{}][]string // owned by mu; by channel to close: the members that are waited for
}

func newMembers() *members {
	return &members{names: map[string]bool{}, waiting: map[chan struct{}][]string{}}
}

// Enabled implements slog.Handler.
func (m *members) Enabled(context.Context, slog.Level) bool { return true }

// WithAttrs implements slog.Handler.
func (m *members) WithAttrs([]slog.Attr) slog.Handler { return m }

// WithGroup implements slog.Handler.
func (m *members) WithGroup(string) slog.Handler { return m }

// Handle implements slog.Handler.
func (m *members) Handle(_ context.Context, r slog.Record) error {
	came := strings.HasPrefix(r.Message, "a member of the hint channel came")
	if !came && !strings.HasPrefix(r.Message, "a member of the hint channel went") {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r.Attrs(func(a slog.Attr) bool {
		m.names[a.Value.String()] = came
		return true
	})
	for done, want := range m.waiting {
		if m.are(want) {
			close(done)
			delete(m.waiting, done)
		}
	}
	return nil
}

// are tells whether these are the members. The caller holds mu.
func (m *members) are(want []string) bool {
	var got []string
	for name, there := range m.names {
		if there {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	return slices.Equal(got, want)
}

// reached is closed when these, in order, are the members, the node itself included.
func (m *members) reached(want ...string) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	done := make(chan struct{})
	if m.are(want) {
		close(done)
	} else {
		m.waiting[done] = want
	}
	return done
}
