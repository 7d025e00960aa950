package node_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// programDir is where program puts what it builds; TestMain makes and removes it.
var programDir string

func TestMain(m *testing.M) {
	var err error
	if programDir, err = os.MkdirTemp("", "mir-program"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(programDir)
	os.Exit(code)
}

// program builds mir once for all tests that need the program itself.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programDir, "mir")
	output, err := exec.Command("go", "build", "-o", path, "mirnode/cmd/mir").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, output)
	}
	return path, nil
})

// child is a node that runs as a process.
type child struct {
	*exec.Cmd
	url string
}

// start runs `mir node` on the world, and returns once it answers. limits are commands for the shell that starts it.
func (w *world) start(t *testing.T, limits ...string) *child {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	ready := filepath.Join(t.TempDir(), "ready.json")
	d := w.config.Discovery
	shell := strings.Join(append(limits, `exec "$0" "$@"`), "; ")
	c := &child{Cmd: exec.CommandContext(t.Context(), "bash", "-c", shell, path, "node", "--domain", "node.test", "--listen", "127.0.0.1:0", "--data-dir", w.config.DataDir, "--ready-file", ready,
		"--resolver", d.Resolvers[0], "--allow-range", d.AllowRanges[0], "--ca-file", d.ExtraCAFile, "--well-known-port", fmt.Sprint(d.WellKnownPort),
		"--limits-submit-per-second", "0", "--limits-read-per-second", "0", "--limits-domain-per-second", "0", "--store-merge-claims", "1000")}
	c.Stderr = os.Stderr
	output, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() })
	line := make([]byte, 4096)
	if _, err := output.Read(line); err != nil { // the line for people comes before the file for programs
		t.Fatalf("the node did not start: %v", err)
	}
	go func() { _, _ = io.Copy(io.Discard, output) }()
	var note struct{ URL string }
	for note.URL == "" {
		if data, err := os.ReadFile(ready); err == nil {
			if err := json.Unmarshal(data, &note); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.url = note.URL
	return c
}

// A node is killed in the middle of a load, again and again on the same folder. What it had answered is there afterwards.
func TestKilledUnderLoad(t *testing.T) {
	w := newWorld(t)
	w.publish(t, "shop.test")
	var mu sync.Mutex
	answered := make(map[string]string) // ID to document
	for round := range 3 {
		n := w.start(t)
		var group sync.WaitGroup
		enough := make(chan struct{}, 1)
		for worker := range 8 {
			group.Go(func() {
				for i := 0; ; i++ {
					signed := claim(t, "shop.test", round*1_000_000+worker*100_000+i)
					response, err := http.Post(n.url+"/claims", "application/json", strings.NewReader(string(signed.Raw())))
					if err != nil {
						return // it is dead
					}
					_ = response.Body.Close()
					if response.StatusCode != http.StatusCreated {
						continue
					}
					mu.Lock()
					answered[signed.ID()] = string(signed.Raw())
					if len(answered) == (round+1)*500 {
						enough <- struct{}{}
					}
					mu.Unlock()
				}
			})
		}
		select {
		case <-enough:
		case <-time.After(time.Minute):
			t.Fatal("too few claims were taken")
		}
		if err := n.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = n.Wait() // killed
		group.Wait()
		http.DefaultClient.CloseIdleConnections()
	}
	n := w.start(t)
	for id, document := range answered {
		if status, body := get(t, http.DefaultClient, n.url+"/claims/"+id); status != http.StatusOK || !strings.Contains(body, document) {
			t.Fatalf("%s was answered with 201, and is %d now: %s", id, status, body)
		}
	}
	status, body := get(t, http.DefaultClient, n.url+"/node")
	var about struct{ Storage struct{ Claims int } }
	if err := json.Unmarshal([]byte(body), &about); err != nil || status != 200 || about.Storage.Claims < len(answered) {
		t.Errorf("%d claims were answered, %d are there (%d, %v)", len(answered), about.Storage.Claims, status, err)
	}
	if err := n.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := n.Wait(); err != nil {
		t.Errorf("stopped with %v", err)
	}
}

// A limit on files' size (as a full disk does) makes the node read-only, and does not kill it.
func TestFileSizeLimit(t *testing.T) {
	w := newWorld(t)
	w.publish(t, "shop.test")
	n := w.start(t, "ulimit -f 17000") // KiB: what an empty store has, and not twice that
	first := claim(t, "shop.test", 0)
	if status, _, answer := post(t, n.url+"/claims", first.Raw()); status != http.StatusCreated {
		t.Fatal(status, answer)
	}
	last := 0.0
	kind := "shop.test:" + strings.Repeat("x", 14_000) + ".y" // few large claims fill the disk as many small ones do
	for i := 1; last != http.StatusServiceUnavailable && i < 4000; {
		var batch []string
		for range 400 {
			batch = append(batch, string(typed(t, "shop.test", i, kind).Raw()))
			i++
		}
		_, _, answer := post(t, n.url+"/claims/batch", []byte("["+strings.Join(batch, ",")+"]"))
		last = answer["results"].([]any)[399].(map[string]any)["status"].(float64)
	}
	status, header, answer := post(t, n.url+"/claims", claim(t, "shop.test", 1_000_000).Raw())
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || answer["code"] != nil {
		t.Errorf("%d %v %v", status, header, answer)
	}
	if status, body := get(t, http.DefaultClient, n.url+"/claims/"+first.ID()); status != http.StatusOK {
		t.Errorf("reads: %d %s", status, body)
	}
	if status, body := get(t, http.DefaultClient, n.url+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "read-only") {
		t.Errorf("%d %s", status, body)
	}
	if err := n.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := n.Wait(); err != nil {
		t.Errorf("stopped with %v", err)
	}
}
