package clients_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mirnode/cluster"
)

const (
	// patience is when something that must come counts as never coming. It is no measure: machines are slow.
	patience = time.Minute
	// look is how often somebody who waits looks.
	look = 20 * time.Millisecond
	// logTail is how much of a node's log a failed test shows, in bytes.
	logTail = 4 << 10
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 16 << 20
)

// program is the built program that every node here runs; TestMain sets it once.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "mir-clients-")
	if err == nil {
		program = filepath.Join(dir, "mir")
		var out []byte
		if out, err = exec.Command("go", "build", "-o", program, "mirnode/cmd/mir").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
	}
	code := 1
	if err == nil {
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, "build the program:", err)
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// world is a federation on this machine.
type world struct {
	t      *testing.T
	c      *cluster.Cluster
	client *http.Client
}

// startWorld starts a cluster of so many nodes, and waits until each takes what it is sent.
func startWorld(t *testing.T, nodes int) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	c, err := cluster.Start(ctx, cluster.Options{Dir: filepath.Join(t.TempDir(), "c"), Nodes: nodes, Program: program})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, c: c, client: &http.Client{Transport: &http.Transport{}, Timeout: patience}}
	t.Cleanup(w.close)
	for i := range nodes {
		w.await(w.node(i).Name+" is ready", func(ctx context.Context) error {
			_, err := w.call(ctx, http.MethodGet, w.node(i).URL+"/readyz", "", nil, http.StatusOK)
			return err
		})
	}
	return w
}

func (w *world) close() {
	if err := w.c.Close(); err != nil {
		w.t.Error(err)
	}
	w.client.CloseIdleConnections()
	if !w.t.Failed() {
		return
	}
	for _, n := range w.c.State().Nodes {
		log, err := os.ReadFile(n.LogFile)
		w.t.Logf("the end of %s's log (%v):\n%s", n.Name, err, log[max(0, len(log)-logTail):])
	}
}

// in is the same world for a test within the one that started it.
func (w *world) in(t *testing.T) *world {
	within := *w
	within.t = t
	return &within
}

// node gives the i-th node as it is now.
func (w *world) node(i int) cluster.Node { return w.c.State().Nodes[i] }

// send makes one request with a JSON body (nil: none) and reads the whole answer.
func (w *world) send(ctx context.Context, method, url, apiKey string, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if apiKey != "" {
		request.Header.Set("x-api-key", apiKey)
	}
	response, err := w.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, answer, errors.Join(err, response.Body.Close())
}

// call is send for an answer that must have a status.
func (w *world) call(ctx context.Context, method, url, apiKey string, body []byte, want int) ([]byte, error) {
	status, answer, err := w.send(ctx, method, url, apiKey, body)
	if err == nil && status != want {
		err = fmt.Errorf("%s %s was answered %d, want %d: %.500s", method, url, status, want, answer)
	}
	return answer, err
}

// mustCall sends a document (nil: none) and reads the answer's into another one (nil: none).
func (w *world) mustCall(method, url, apiKey string, body, into any, want int) {
	w.t.Helper()
	var document []byte
	var err error
	if body != nil {
		if document, err = json.Marshal(body); err != nil {
			w.t.Fatal(err)
		}
	}
	answer, err := w.call(w.t.Context(), method, url, apiKey, document, want)
	if err == nil && into != nil {
		err = json.Unmarshal(answer, into)
	}
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, url, err)
	}
}

// await waits until the condition has no more complaint. Its last one is the failure.
func (w *world) await(what string, condition func(ctx context.Context) error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	var last error
	for {
		err := condition(ctx)
		if err == nil {
			return
		}
		if ctx.Err() == nil || last == nil {
			last = err // else it is the deadline's
		}
		select {
		case <-tick.C:
		case <-w.c.Done():
			w.t.Fatalf("%s: the cluster ended: %v", what, w.c.Err())
		case <-ctx.Done():
			w.t.Fatalf("%s: not after %v: %v", what, patience, last)
		}
	}
}

// tool finds a program that the tests run, and fails where it is missing: a test that is left out shows nothing.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: install what the tests need with scripts/test-deps", name)
	}
	return path
}

// run runs a program in a folder, and gives what it printed on its standard output.
func run(t *testing.T, dir string, input []byte, name string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), tool(t, name), args...)
	command.Dir, command.Stdin = dir, bytes.NewReader(input)
	command.Env = append(os.Environ(), "CURL_HOME="+dir)
	var faults strings.Builder
	command.Stderr = &faults
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, out, &faults)
	}
	return string(out)
}
