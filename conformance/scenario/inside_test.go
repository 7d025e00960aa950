package scenario_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"testing"

	"mirnode/conformance/names"
)

// A node that connects where it must not is seen, and one that does not is not accused.
func TestInside(t *testing.T) {
	served, err := names.Start(names.Options{Suffix: "suite.test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = served.Close() })
	port := strconv.Itoa(int(served.HTTPS().Port()))
	var told struct{ To string }
	w := stage(t, 1, func(out http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(&told)
		if r.URL.Path == "/goes" {
			if c, err := net.Dial("tcp", net.JoinHostPort(told.To, port)); err == nil {
				_, _ = fmt.Fprint(c, "no TLS\r\n\r\n")
				_, _ = c.Read(make([]byte, 1)) // ended by the other side, which has seen it then
				_ = c.Close()
			}
		}
	})
	w.Names = served
	ask := func(path string) []string {
		return []string{`{"inside":{"as":"in"}}`, `{"publish":{"domain":"d1","addresses":[],"records":["@ A ${in}","@ A ${in.outside}"]}}`,
			`{"request":{"path":"` + path + `","json":{"To":"${in}"}}}`, `{"expectInside":{"at":["in"],"connections":0}}`}
	}
	passes(t, w, ask("/stays")...)
	fails(t, w, "connections to 127.32.", ask("/goes")...)
	if inside := netip.MustParseAddr(told.To); !inside.IsLoopback() || inside == served.HTTPS().Addr() {
		t.Errorf("%s is not inside", told.To)
	}
	if c, err := net.Dial("tcp", net.JoinHostPort(told.To, port)); err == nil {
		_ = c.Close()
		t.Error("it still listens when the case is over")
	}
	fails(t, w, "nothing listens as", `{"expectInside":{"at":["in"],"connections":0}}`)
	fails(t, w, "takes at and connections", `{"expectInside":{"at":[],"connections":0}}`)
	w.Names = nil
	fails(t, w, "nowhere to listen", `{"inside":{"as":"in"}}`)
}
