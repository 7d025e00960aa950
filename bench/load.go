package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// load is an HTTP load from connections of its own, each sending its next request when the last was answered. It writes requests
// that were built beforehand, so that the client takes little of the cores that the server needs.
type load struct {
	address     string             // host:port
	connections int                // how many at once
	request     func(i int) []byte // the i-th request, whole; it keeps the connection alive
	want        int                // the status that each answer must have
	total       int                // how many requests in all
}

// loadResult is what a load saw.
type loadResult struct {
	rate     float64       // answers a second
	p50, p99 time.Duration // from the first byte sent to the last byte read
	max      time.Duration
}

// run sends the load and returns what it saw. An answer with another status than wanted ends it.
func (l load) run(ctx context.Context) (loadResult, error) {
	var next atomic.Int64
	times := make([][]time.Duration, l.connections)
	group, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for c := range l.connections {
		group.Go(func() (err error) {
			times[c], err = l.connection(ctx, &next)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return loadResult{}, err
	}
	elapsed := time.Since(start)
	all := slices.Concat(times...)
	slices.Sort(all)
	at := func(share float64) time.Duration { return all[int(share*float64(len(all)-1))] }
	return loadResult{rate: float64(len(all)) / elapsed.Seconds(), p50: at(0.5), p99: at(0.99), max: at(1)}, nil
}

func (l load) connection(ctx context.Context, next *atomic.Int64) ([]time.Duration, error) {
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", l.address)
	if err != nil {
		return nil, err
	}
	defer connection.Close() //nolint:errcheck // a benchmark's client has nothing to lose
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() })
	defer stop()
	reader := bufio.NewReaderSize(connection, 64<<10)
	var times []time.Duration
	for {
		i := int(next.Add(1) - 1)
		if i >= l.total || ctx.Err() != nil {
			return times, ctx.Err()
		}
		start := time.Now()
		if _, err := connection.Write(l.request(i)); err != nil {
			return nil, err
		}
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(answer.Body)
		if err = errors.Join(err, answer.Body.Close()); err != nil {
			return nil, err
		}
		if answer.StatusCode != l.want {
			return nil, fmt.Errorf("request %d was answered %s: %s", i, answer.Status, body)
		}
		times = append(times, time.Since(start))
	}
}

// get builds a GET request.
func get(path string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
}

// post builds a POST request with a JSON body, and further header fields.
func post(path string, body []byte, fields ...string) []byte {
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", path, len(body))
	for _, field := range fields {
		head += field + "\r\n"
	}
	return append([]byte(head+"\r\n"), body...)
}

// exchange sends one request over a connection of its own, and gives the answer's body, for a limit to repeat.
func exchange(ctx context.Context, address string, request []byte) ([]byte, error) {
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer connection.Close() //nolint:errcheck // a benchmark's client has nothing to lose
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() })
	defer stop()
	if _, err := connection.Write(request); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("a request was answered %s: %s", answer.Status, body)
	}
	return body, errors.Join(err, answer.Body.Close())
}

// fetch gets one answer, for a limit to repeat.
func fetch(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	return body, errors.Join(err, answer.Body.Close())
}
