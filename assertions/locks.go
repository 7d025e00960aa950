package assertions

import "context"

// lockStripes bounds the memory of the locks. Writes about different files seldom wait for each other: two of them share a stripe once in so many.
const lockStripes = 512

// locks let one write at a time look at an artifact and append to it. They are taken for the artifact and not for the issuer and the artifact, since a home's
// bound on an artifact counts what all its issuers say of it: two writes past it would be logged here and refused by every replica.
type locks [lockStripes]chan struct{}

func newLocks() *locks {
	l := new(locks)
	for i := range l {
		l[i] = make(chan struct{}, 1)
	}
	return l
}

// take waits for the artifact's stripe, and returns what gives it back. The error is the context's.
func (l *locks) take(ctx context.Context, artifact [32]byte) (give func(), err error) {
	stripe := l[(int(artifact[0])<<8|int(artifact[1]))%lockStripes]
	select {
	case stripe <- struct{}{}:
		return func() { <-stripe }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
