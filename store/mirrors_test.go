package store_test

import (
	"errors"
	"fmt"
	"testing"

	"mirnode/protocol"
	"mirnode/store"
)

// TestOneDomainsMirrors: however many logs a domain begins, it takes a few of the places, and others find theirs.
func TestOneDomainsMirrors(t *testing.T) {
	s := open(t, t.TempDir(), store.Options{})
	origin := func(domain string, epoch int) protocol.Origin {
		return protocol.Origin{Domain: domain, Network: protocol.Development, Epoch: epoch}
	}
	for epoch := 1; epoch <= 3*store.MaxMirrorsPerDomain; epoch++ {
		err := s.OpenMirror(t.Context(), origin("many.test", epoch))
		if full := epoch > store.MaxMirrorsPerDomain; full != errors.Is(err, store.ErrFull) || !full && err != nil {
			t.Errorf("log %d of a domain: %v", epoch, err)
		}
	}
	if err := s.OpenMirror(t.Context(), origin("many.test", 1)); err != nil {
		t.Errorf("one that is held: %v", err)
	}
	for i := range 20 {
		if err := s.OpenMirror(t.Context(), origin(fmt.Sprintf("node%d.test", i), 1)); err != nil {
			t.Errorf("another domain's: %v", err)
		}
	}
}
