package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/spf13/cobra"
)

// TestAPIKeyStaysWithItsNode: a redirect is not followed with an API key, and is followed without one.
func TestAPIKeyStaysWithItsNode(t *testing.T) {
	asked := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Header.Get("X-API-Key") != "" {
			t.Error("the API key came along")
		}
	}))
	defer elsewhere.Close()
	node := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer node.Close()
	cmd := &cobra.Command{}
	addNodeFlags(cmd)
	for _, test := range []struct {
		key           string
		status, asked int
	}{{"mir_dev_1", http.StatusTemporaryRedirect, 0}, {"", http.StatusOK, 1}} {
		client, err := newClientOf(cmd, node.URL)
		if err != nil {
			t.Fatal(err)
		}
		client.apiKey = test.key
		answer, err := client.ask(t.Context(), http.MethodPost, "/assertions", url.Values{}, "application/json", []byte("{}"))
		if err != nil || answer.status != test.status || asked != test.asked {
			t.Errorf("with the key %q: %+v, %v; asked elsewhere %d times", test.key, answer, err, asked)
		}
		if err := answer.err(); test.key != "" && err == nil {
			t.Error("a redirect that is not followed passes for success")
		}
	}
}
