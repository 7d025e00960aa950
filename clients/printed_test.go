package clients_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	// emptyHash is the hash that the documentation prints everywhere: that of no bytes at all.
	emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	// otherHash is the second one of its batch.
	otherHash = "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2"
	// itsFile is the file that its commands hash.
	itsFile = "your-file.jpg"
)

// printed reads a snippet of the documentation, and puts others in the place of its placeholders: pairs of what is printed and what stands for it. A
// placeholder that is not there is an error, so that no test runs something else than what is printed.
func printed(t *testing.T, name string, placeholders ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "printed", name))
	if err != nil {
		t.Fatalf("the printed snippet is missing: %v", err)
	}
	snippet := string(data)
	if strings.TrimSpace(snippet) == "" {
		t.Fatalf("the printed snippet %s is empty", name)
	}
	for i := 0; i < len(placeholders); i += 2 {
		if !strings.Contains(snippet, placeholders[i]) {
			t.Fatalf("%q does not stand in the snippet %s", placeholders[i], name)
		}
		snippet = strings.ReplaceAll(snippet, placeholders[i], placeholders[i+1])
	}
	return snippet
}

// TestPrintedHashing runs the four ways of hashing as they are printed: on the empty file, whose hash is the printed one, and on others. Nothing is replaced: the
// file has the printed name.
func TestPrintedHashing(t *testing.T) {
	browser, err := filepath.Abs("testdata/browser.cjs")
	if err != nil {
		t.Fatal(err)
	}
	ways := map[string]struct {
		script, program string
		args            []string
		want            string // of the output, where HASH stands for the hash
	}{
		"shell":   {"hash.sh", "sh", nil, "HASH  " + itsFile},
		"Node.js": {"hash.node.js", "node", nil, "HASH"},
		"Python":  {"hash.py", "python3", nil, "HASH"},
		"browser": {"hash.browser.js", "node", []string{browser}, "HASH"},
	}
	tool(t, "shasum") // which the shell runs
	files := map[string][]byte{"empty": {}, "text": []byte("a picture\r\n"), "bytes": {0, 255, 254, 0, 10, 13, 26}, "large": make([]byte, 3<<20+1)}
	for way, c := range ways {
		for name, content := range files {
			t.Run(way+"/"+name, func(t *testing.T) {
				dir, sum := t.TempDir(), sha256.Sum256(content)
				snippet := printed(t, c.script)
				if err := os.WriteFile(filepath.Join(dir, c.script), []byte(snippet), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, itsFile), content, 0o600); err != nil {
					t.Fatal(err)
				}
				args := append(append([]string{}, c.args...), c.script)
				if way == "browser" {
					args = append(args, itsFile)
				}
				out := strings.TrimSuffix(run(t, dir, nil, c.program, args...), "\n")
				if want := strings.Replace(c.want, "HASH", hex.EncodeToString(sum[:]), 1); out != want {
					t.Errorf("printed %q, want %q", out, want)
				}
				if len(content) == 0 && !strings.Contains(snippet, out) && way != "browser" {
					t.Errorf("the documentation does not print %q", out)
				}
			})
		}
	}
}

// printedName is the issuer's in the printed answer.
func printedName(t *testing.T) string {
	t.Helper()
	var answer struct {
		Assertions []struct {
			Issuer struct {
				Name string `json:"name"`
			} `json:"issuer"`
		} `json:"assertions"`
	}
	if err := json.Unmarshal([]byte(printed(t, "lookup.answer.json")), &answer); err != nil || len(answer.Assertions) != 1 {
		t.Fatalf("the printed answer: %v", err)
	}
	return answer.Assertions[0].Issuer.Name
}

// publicHost lets curl find the i-th node by its name, and trust it, without a word in the command: its file of settings does it. It returns the folder for run.
func (w *world) publicHost(i int) (dir, host string) {
	w.t.Helper()
	tool(w.t, "curl") // which the shell runs
	at, err := url.Parse(w.node(i).PublicURL)
	if err != nil {
		w.t.Fatal(err)
	}
	dir = w.t.TempDir()
	settings := fmt.Sprintf("cacert = %q\nconnect-to = %q\nsilent\nshow-error\n", w.c.State().CAFile, "::"+net.JoinHostPort("127.0.0.1", at.Port()))
	if err := os.WriteFile(filepath.Join(dir, ".curlrc"), []byte(settings), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return dir, at.Hostname()
}

// printedTime is the form of the printed times.
var printedTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)

// TestPrintedRequests makes the printed payload an assertion, and looks it up with both printed commands. Replaced are the host and the API key; in the payload
// the hash, the issuer's ID and the time; in the answers IDs, hashes and the time.
func TestPrintedRequests(t *testing.T) {
	w := startWorld(t, 1)
	news := w.newIssuer(0, printedName(t), openSSL(t, ed25519Name))
	news.verifyDomain("news.test")
	dir, host := w.publicHost(0)
	lookup := printed(t, "lookup.sh", "mirassertions.org", host)
	batch := printed(t, "batch.sh", "mirassertions.org", host, "mir_YOUR_API_KEY", news.apiKey)

	nothing := run(t, dir, nil, "sh", "-c", lookup)
	if !strings.Contains(nothing, `"assertions":[]`) || !strings.Contains(nothing, "Absence of assertions is not evidence of anything.") {
		t.Errorf("before anything is asserted: %s", nothing)
	}
	payload := strings.TrimSpace(printed(t, "payload.json", "e3b0c44298fc1c14...", emptyHash, "your-issuer-id", news.ID, "2025-01-15T12:00:00.000Z", now()))
	kept := news.mustAssert(submission([]byte(payload), news.keys.sign([]byte(payload))))
	if !printedTime.MatchString(kept.CreatedAt) {
		t.Errorf("createdAt %q does not look like the printed one", kept.CreatedAt)
	}

	wantPrinted(t, run(t, dir, nil, "sh", "-c", lookup), printed(t, "lookup.answer.json",
		"e3b0c44298fc1c14...", emptyHash, "assertion_xyz789", kept.ID, "issuer_abc123", news.ID, "2025-01-15T12:00:00.000Z", kept.CreatedAt))
	wantPrinted(t, run(t, dir, nil, "sh", "-c", batch), printed(t, "batch.answer.json",
		"e3b0c44298fc1c14...", emptyHash, "a1b2c3d4e5f6a1b2...", otherHash, "[ ... ]", fmt.Sprintf(`[{"id": %q}]`, kept.ID)))
	upper := run(t, dir, nil, "sh", "-c", strings.ReplaceAll(lookup, emptyHash, strings.ToUpper(emptyHash))) // as PowerShell prints it
	if !strings.Contains(upper, kept.ID) || !strings.Contains(upper, emptyHash) {
		t.Errorf("with the hash in upper case: %s", upper)
	}
}

// TestPrintedErrors: what the printed commands get where something is wrong has the printed form.
func TestPrintedErrors(t *testing.T) {
	w := startWorld(t, 1)
	news := w.newIssuer(0, printedName(t), openSSL(t, ed25519Name))
	dir, host := w.publicHost(0)
	form := printed(t, "error.json", "Description of what went wrong", "", "Optional guidance on how to fix it", "")
	status := ` -w '\n%{http_code}'`
	lookup := strings.TrimSpace(printed(t, "lookup.sh", "mirassertions.org", host)) + status
	batch := strings.TrimSpace(printed(t, "batch.sh", "mirassertions.org", host)) + status // with the key as it is printed
	for name, c := range map[string]struct {
		command string
		want    int
	}{
		"a hash that is cut short": {strings.Replace(lookup, emptyHash, emptyHash[:63], 1), http.StatusBadRequest},
		"no hash":                  {strings.Replace(lookup, "?hash="+emptyHash, "", 1), http.StatusBadRequest},
		"the printed key":          {batch, http.StatusUnauthorized},
		"no key":                   {strings.Replace(batch, `-H "x-api-key: mir_YOUR_API_KEY"`, "", 1), http.StatusUnauthorized},
		"a hash that is none":      {strings.Replace(strings.Replace(batch, "mir_YOUR_API_KEY", news.apiKey, 1), otherHash, "a1b2", 1), http.StatusBadRequest},
		"no such route":            {strings.Replace(lookup, "/assertions?", "/assertion?", 1), http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			answer, code, _ := strings.Cut(run(t, dir, nil, "sh", "-c", c.command), "\n")
			if code != fmt.Sprint(c.want) {
				t.Errorf("status %s, want %d: %s", code, c.want, answer)
			}
			got, want := members(t, answer), members(t, form)
			for i, m := range want {
				if i >= len(got) || got[i].name != m.name || got[i].value == "" || got[i].value == nil {
					t.Errorf("%s has not the printed members %v with words in them", answer, want)
				}
			}
		})
	}
}
