// Package mirnode_test keeps the house in order: which room may import which (docs/ARCHITECTURE.md), and which library lives in one room.
package mirnode_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rooms says what each room may import of the project. Imports run one way: a room names only rooms above it here.
var rooms = []struct {
	name string
	may  []string
}{
	{"internal/strictjson", nil},
	{"internal/nearest", nil},
	{"internal/pemfile", nil},
	{"protocol", []string{"internal/strictjson", "internal/nearest"}},
	{"discovery", []string{"protocol"}},
	{"verifier", []string{"protocol"}},
	{"translog", []string{"internal/strictjson", "protocol"}},
	{"store", []string{"protocol", "translog"}},
	{"observer", []string{"protocol", "discovery", "store"}},
	{"issuers", []string{"internal/strictjson", "protocol", "store"}},
	{"accounts", []string{"internal/strictjson", "protocol", "store", "issuers"}},
	{"assertions", []string{"internal/strictjson", "internal/nearest", "protocol", "verifier", "translog", "store", "issuers", "accounts"}},
	{"gossip", []string{"internal/strictjson", "protocol", "discovery", "verifier", "translog", "store"}},
	{"api", []string{"internal/strictjson", "internal/nearest", "protocol", "discovery", "verifier", "translog", "store", "observer", "issuers", "accounts", "assertions", "gossip"}},
	{"node", []string{"internal/strictjson", "internal/nearest", "internal/pemfile", "protocol", "discovery", "verifier", "translog", "store", "observer", "issuers", "accounts", "assertions", "gossip", "api"}},
	{"conformance", []string{"internal/strictjson", "internal/nearest", "protocol"}}, // a black box to what it tests: no room of the node
	{"configs", nil},
	{"federation", nil},
	{"clients", nil},
	{"cluster", []string{"internal/strictjson", "internal/nearest", "internal/pemfile", "protocol", "discovery", "verifier", "translog", "node"}},
	{"bench", []string{"protocol", "discovery", "verifier", "translog", "store", "issuers", "accounts", "assertions", "api", "node", "cluster"}},
	{"cmd/mir", []string{"internal/strictjson", "internal/nearest", "internal/pemfile", "protocol", "discovery", "verifier", "translog", "store", "observer", "assertions", "gossip", "api", "node", "cluster", "bench", "conformance"}},
}

// libraries says in which rooms a library may be used outside tests.
var libraries = map[string][]string{
	"go.etcd.io/bbolt":                   {"store"},
	"github.com/miekg/dns":               {"discovery", "cluster", "conformance"},
	"github.com/gin-gonic/gin":           {"api", "bench"},
	"github.com/go-json-experiment/json": {"internal/strictjson"},
	"filippo.io/edwards25519":            {"protocol", "verifier", "conformance"},
	"github.com/spf13/cobra":             {"cmd/mir"},
	"github.com/hashicorp/memberlist":    {"gossip"},
	"github.com/transparency-dev":        {"translog"},
	"golang.org/x/mod/sumdb":             {"translog", "store", "gossip", "node", "cluster", "cmd/mir", "conformance"},
}

// listed is what `go list -json` says of a package, as far as this test cares.
type listed struct {
	ImportPath string
	Imports    []string
}

func TestImportsRunOneWay(t *testing.T) {
	packages := listPackages(t)
	if len(packages) < 12 {
		t.Fatalf("go list found %d packages, fewer than there are rooms", len(packages))
	}
	for _, p := range packages {
		from := room(p.ImportPath)
		index := slices.IndexFunc(rooms, func(r struct {
			name string
			may  []string
		}) bool {
			return r.name == from
		})
		if index < 0 {
			if p.ImportPath != "mirnode" {
				t.Errorf("%s lies in no known room: add it to docs/ARCHITECTURE.md and to this test", p.ImportPath)
			}
			continue
		}
		for _, imported := range p.Imports {
			if to := room(imported); to != "" && to != from && !slices.Contains(rooms[index].may, to) {
				t.Errorf("%s imports %s: the room %s may import only %q", p.ImportPath, imported, from, rooms[index].may)
			}
			for library, allowed := range libraries {
				if (imported == library || strings.HasPrefix(imported, library+"/")) && !slices.Contains(allowed, from) {
					t.Errorf("%s imports %s, which belongs to %q", p.ImportPath, imported, allowed)
				}
			}
		}
	}
}

// room gives the room that a package of the project lies in, or "" for another project's package.
func room(importPath string) string {
	path, ours := strings.CutPrefix(importPath, "mirnode/")
	if !ours {
		return ""
	}
	parts := strings.SplitN(path, "/", 3)
	if len(parts) > 1 && (parts[0] == "cmd" || parts[0] == "internal") {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("reading go list's answer: %v", err)
		}
		packages = append(packages, p)
	}
}
