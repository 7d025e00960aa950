package cluster

import (
	"io"
	"sync"
	"time"
)

const (
	chunkSize = 32 << 10
	// delayedChunks bounds what is under way in one direction of a slowed-down connection: 2 MiB, so 20 MB/s at 100 ms.
	delayedChunks = 64
)

// chunks are buffers of chunkSize bytes, used again by all streams.
var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// sink is where one direction of a stream leads.
type sink interface {
	io.Writer
	CloseWrite() error
}

// exchange hands bytes on in both directions, until both have ended or one broke.
func (s *stream) exchange(outer outerConnection, inner outerConnection) {
	var both sync.WaitGroup
	both.Go(func() { s.pump(inner, outer) })
	both.Go(func() { s.pump(outer, inner) })
	both.Wait()
}

// pump hands on what it reads, as the link is at that moment, and passes on the end. What goes wrong breaks the stream.
func (s *stream) pump(to sink, from io.Reader) {
	if !s.copy(to, from) {
		s.abort()
	}
}

func (s *stream) copy(to sink, from io.Reader) bool {
	buffer := chunks.Get().(*[chunkSize]byte)
	defer chunks.Put(buffer)
	for {
		n, failed := from.Read(buffer[:])
		now := s.link.pass(s.alive.Done())
		if now == nil {
			return false
		}
		if now.delay > 0 { // from here on: later bytes must not overtake these
			return s.copySlowly(to, from, newChunk(buffer[:n], now.delay), failed)
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return false
			}
		}
		if failed != nil {
			return failed == io.EOF && to.CloseWrite() == nil
		}
	}
}

// chunk is a piece of a stream that is under way.
type chunk struct {
	bytes *[chunkSize]byte
	n     int
	due   time.Time
}

func newChunk(bytes []byte, delay time.Duration) chunk {
	c := chunk{bytes: chunks.Get().(*[chunkSize]byte), due: time.Now().Add(delay)}
	c.n = copy(c.bytes[:], bytes)
	return c
}

// copySlowly goes on from the first chunk, over a link that was slowed down: what is read waits its time in a queue, so that a delay costs no
// throughput but what the queue's bound costs.
func (s *stream) copySlowly(to sink, from io.Reader, next chunk, failed error) bool {
	queue := make(chan chunk, delayedChunks)
	written := make(chan bool, 1)
	go func() { written <- s.writeSlowly(to, queue) }()
	for {
		select {
		case queue <- next:
		case <-s.alive.Done():
			chunks.Put(next.bytes)
			failed = io.ErrClosedPipe
		}
		if failed != nil {
			break
		}
		next.bytes = chunks.Get().(*[chunkSize]byte)
		next.n, failed = from.Read(next.bytes[:])
		now := s.link.pass(s.alive.Done())
		if now == nil {
			chunks.Put(next.bytes)
			failed = io.ErrClosedPipe
			break
		}
		next.due = time.Now().Add(now.delay)
	}
	close(queue)
	return <-written && failed == io.EOF && to.CloseWrite() == nil
}

// writeSlowly writes each chunk when it is due. It takes all of the queue, also after it failed.
func (s *stream) writeSlowly(to sink, queue <-chan chunk) bool {
	good := true
	for c := range queue {
		good = good && s.wait(time.Until(c.due))
		if good && c.n > 0 {
			if _, err := to.Write(c.bytes[:c.n]); err != nil {
				good = false
				s.abort()
			}
		}
		chunks.Put(c.bytes)
	}
	return good
}
