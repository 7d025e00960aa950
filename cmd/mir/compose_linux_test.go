package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"mirnode/protocol"
)

// composed is docker-compose.yml as plain processes: the very same command lines, settings and health checks, where only addresses (172.30.53 is
// some 127.x.y) and the paths of volumes are others.
type composed struct {
	t       *testing.T
	program string
	project *types.Project
	dir     string
	prefix  string // in the place of "172.30.53."
}

func newComposed(t *testing.T, program string) *composed {
	return &composed{t: t, program: program, project: loadCompose(t), dir: t.TempDir(),
		prefix: fmt.Sprintf("127.%d.%d.", 1+rand.IntN(254), 1+rand.IntN(254))}
}

// mapped is a text of the file, in this world.
func (c *composed) mapped(service, text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "172.30.53.0", c.prefix+"0"), "172.30.53.", c.prefix)
	volumes := slices.Clone(c.project.Services[service].Volumes)
	slices.SortFunc(volumes, func(a, b types.ServiceVolumeConfig) int { return len(b.Target) - len(a.Target) }) // the nearest first
	for _, v := range volumes {
		if before, path, found := strings.Cut(text, v.Target); found && (before == "" || strings.HasSuffix(before, "=")) {
			return before + filepath.Join(c.dir, v.Source) + path
		}
	}
	return text
}

// command is a command line of the service, in its environment and no other.
func (c *composed) command(service string, args ...string) *exec.Cmd {
	s := c.project.Services[service]
	command := exec.Command(c.program)
	for _, arg := range args {
		command.Args = append(command.Args, c.mapped(service, arg))
	}
	command.Env = []string{}
	for _, line := range dockerfile(c.t) {
		if variables, found := strings.CutPrefix(line, "ENV "); found {
			command.Env = append(command.Env, strings.Fields(variables)...)
		}
	}
	for name, value := range s.Environment {
		command.Env = append(command.Env, name+"="+c.mapped(service, *value))
	}
	command.Dir = filepath.Join(c.dir, "cwd")
	return command
}

// start runs a service until the end of the test, when it must stop well.
func (c *composed) start(service string) {
	c.t.Helper()
	s := c.project.Services[service]
	c.mount(s.Volumes)
	command := c.command(service, s.Command...)
	var log bytes.Buffer
	command.Stdout, command.Stderr = &log, &log
	if err := command.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		if err := command.Wait(); err != nil || c.t.Failed() {
			c.t.Errorf("%s ended with %v:\n%s", service, err, log.String()[max(0, log.Len()-maxShownLog):])
		}
	})
}

// maxShownLog is how much of a log's end is shown, in bytes.
const maxShownLog = 4 << 10

// mount makes the folders of volumes, and lets one that is mounted inside another be seen there.
func (c *composed) mount(volumes []types.ServiceVolumeConfig) {
	c.t.Helper()
	for _, v := range volumes {
		if err := os.MkdirAll(filepath.Join(c.dir, v.Source), 0o700); err != nil {
			c.t.Fatal(err)
		}
		for _, outer := range volumes {
			if inside, found := strings.CutPrefix(v.Target, outer.Target+"/"); found {
				if err := os.Symlink(filepath.Join(c.dir, v.Source), filepath.Join(c.dir, outer.Source, inside)); err != nil {
					c.t.Fatal(err)
				}
			}
		}
	}
}

// awaitHealth runs the service's health check until it is content.
func (c *composed) awaitHealth(service string) {
	c.t.Helper()
	check := c.project.Services[service].HealthCheck.Test[2:]
	deadline := time.Now().Add(30 * time.Second)
	for {
		out, err := c.command(service, check...).CombinedOutput()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%s is not healthy: %v %s", service, err, out)
		}
	}
}

// client reaches the nodes as a person at the published ports does.
func (c *composed) client() *http.Client {
	c.t.Helper()
	pem, err := os.ReadFile(filepath.Join(c.dir, "names", "ca.pem"))
	if err != nil {
		c.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, c.prefix+"1"+address[len("node"):len("node1")]+":8443")
	}}
	c.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

func (c *composed) get(client *http.Client, url string) (int, []byte) {
	c.t.Helper()
	answer, err := client.Get(url)
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer.StatusCode, body
}

// composeRuns runs what docker-compose.yml runs, and sees a claim that one node took at the others.
func composeRuns(t *testing.T, program string) {
	c := newComposed(t, program)
	if err := os.Mkdir(filepath.Join(c.dir, "cwd"), 0o700); err != nil {
		t.Fatal(err)
	}
	c.start("names")
	c.awaitHealth("names")
	nodes := []string{"node1", "node2", "node3"}
	for _, name := range nodes {
		if out, err := c.command(name, append(c.project.Services[name].Command, "--check")...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", name, err, out)
		}
	}
	for _, name := range nodes {
		c.start(name)
	}
	for _, name := range nodes { // once all are there: a new node first asks its peers for what it had written before
		c.awaitHealth(name)
	}

	// A domain publishes its key with the command of the file's first lines, and signs.
	mir := func(args ...string) []byte {
		t.Helper()
		command := exec.CommandContext(t.Context(), c.program, args...)
		command.Dir, command.Env = c.dir, []string{}
		out, err := command.Output()
		if err != nil {
			t.Fatalf("mir %v: %v", args, err)
		}
		return out
	}
	mir("key", "new", "--out", "shop.pem")
	public, err := readPublicKey(filepath.Join(c.dir, "shop.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := c.command("names", "cluster", "publish", "shop.test", "--dir", "/names", "--key", protocol.EncodePublicKey(public)).CombinedOutput(); err != nil || string(out) != "shop.test: published\n" {
		t.Fatalf("%v %s", err, out)
	}
	draft := mir("claim", "new", "--type", "mir.transaction.completed", "--domain", "shop.test", "--subject", strings.Repeat("ab", 32))
	if err := os.WriteFile(filepath.Join(c.dir, "draft.json"), draft, 0o600); err != nil {
		t.Fatal(err)
	}
	claim := mir("claim", "sign", "--key", "shop.pem", "draft.json")

	client := c.client()
	answer, err := client.Post("https://node1.test:8443/claims", "application/json", bytes.NewReader(claim))
	if err != nil {
		t.Fatal(err)
	}
	var accepted struct{ ClaimID, Origin string }
	err = json.NewDecoder(answer.Body).Decode(&accepted)
	answer.Body.Close()
	if err != nil || answer.StatusCode != http.StatusCreated || accepted.Origin != "node1.test/mir-dev" {
		t.Fatalf("%s %+v %v", answer.Status, accepted, err)
	}
	for _, name := range []string{"node2", "node3"} {
		deadline := time.Now().Add(30 * time.Second)
		for {
			status, body := c.get(client, "https://"+name+".test:8443/claims/"+accepted.ClaimID)
			if status == http.StatusOK {
				break
			}
			if time.Now().After(deadline) {
				_, peers := c.get(client, "https://"+name+".test:8443/peers")
				t.Fatalf("%s has not got it: %d %s; its peers: %s", name, status, body, peers)
			}
		}
	}
	if left, err := os.ReadDir(filepath.Join(c.dir, "cwd")); err != nil || len(left) > 0 {
		t.Errorf("something was written outside of the volumes: %v %v", left, err)
	}
}
