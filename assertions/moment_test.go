package assertions_test

import (
	"testing"
	"time"

	"mirnode/assertions/proof"
	"mirnode/protocol"
)

// TestTheMomentOfARevocation: what was taken in before the record that revokes its key proves itself, though it be of the same millisecond; what was logged long
// after the time from which the key is revoked does not.
func TestTheMomentOfARevocation(t *testing.T) {
	for name, c := range map[string]struct {
		before time.Duration // the time of the revocation, before the assertion's
		good   bool
	}{
		"in the same millisecond":          {0, true},
		"as long as a write may wait":      {protocol.AssertionSlack, true},
		"longer than a write may wait ago": {protocol.AssertionSlack + time.Millisecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.clock.advance(time.Hour)
			one := w.issuer()
			w.clock.advance(time.Hour)
			made := one.say(protocol.IssuedBy, artifact(0))
			revoked := made.State.HomeIngestedAt.Add(-c.before)
			one.draft.Keys[0].RevokedAt = revoked
			one.publish()
			v, err := proof.VerifyProof(w.get(made.State.SigHash), w.proofOptions())
			if good := err == nil; good != c.good {
				t.Fatalf("%v", err)
			}
			if c.good && (!v.Key.RevokedAt.Equal(revoked) || len(v.Proved) == 0) {
				t.Errorf("it proves a key that is revoked at %v", v.Key.RevokedAt)
			}
		})
	}
}
