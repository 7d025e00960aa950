package nearest_test

import (
	"strings"
	"testing"

	"mirnode/internal/nearest"
)

func TestName(t *testing.T) {
	known := []string{"listen", "data_dir", "domain", "discovery.resolvers", "limits.read_burst"}
	for _, test := range []struct{ name, want string }{
		{"lisen", "listen"},
		{"litsen", "listen"},
		{"LISTEN", "listen"},
		{"datadir", "data_dir"},
		{"domains", "domain"},
		{"discovery.resolver", "discovery.resolvers"},
		{"zebra", ""},
		{"", ""},
		{"x", ""},
		{strings.Repeat("listen", 20), ""},
	} {
		if got := nearest.Name(test.name, known); got != test.want {
			t.Errorf("Name(%q) = %q, want %q", test.name, got, test.want)
		}
	}
}
