package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mirnode/protocol"
)

// The results of a look, as --json shows them.
const (
	monitorClear       = "ok"
	monitorStrange     = "strange"
	monitorUnreachable = "unreachable"
)

// What became of checking a sighting, as --json shows it.
const (
	checkGood     = "verified" // the observer's domain publishes the key that signed it
	checkUnsigned = "unsigned" // a node's word about what is published now
	checkUnable   = "unverified"
	checkForged   = "forged" // the observer did not sign it
)

// monitorResult is what one look brought.
type monitorResult struct {
	Domain     string        `json:"domain"`
	At         time.Time     `json:"at"`
	Result     string        `json:"result"`  // ok, strange or unreachable
	Strange    []*strangeKey `json:"strange"` // the one seen last first
	Own        int           `json:"own"`     // of the owner's keys that were seen
	Nodes      []nodeResult  `json:"nodes"`
	Warning    string        `json:"warning,omitempty"`    // why that there is no strange key may mean nothing
	Forged     []*sighting   `json:"forged,omitempty"`     // what nodes show and nobody signed
	Unreadable int           `json:"unreadable,omitempty"` // what is no observation of this domain
}

// nodeResult is what became of asking a node.
type nodeResult struct {
	Node         string `json:"node"`
	Observations int    `json:"observations"`
	Truncated    bool   `json:"truncated,omitempty"` // there were more than one look reads
	Error        string `json:"error,omitempty"`
	Hint         string `json:"hint,omitempty"`
}

// strangeKey is a key that is not the owner's.
type strangeKey struct {
	Fingerprint string      `json:"fingerprint"`
	Public      string      `json:"pub"`
	FirstSeen   time.Time   `json:"firstSeen"`
	LastSeen    time.Time   `json:"lastSeen"`
	New         bool        `json:"new"` // it was not told before
	Sightings   []*sighting `json:"sightings"`
}

// sighting is what one node says of a key.
type sighting struct {
	Observer  string             `json:"observer,omitempty"` // the node that signed it
	Node      string             `json:"node,omitempty"`     // the node that said so without signing
	Check     string             `json:"check"`
	Why       string             `json:"why,omitempty"` // it could not be verified
	Channels  []protocol.Channel `json:"channels,omitempty"`
	FirstSeen time.Time          `json:"firstSeen"`
	LastSeen  time.Time          `json:"lastSeen"`
	Gone      bool               `json:"gone"`
	Log       string             `json:"log,omitempty"`
	Index     uint64             `json:"index"`

	observation *protocol.Observation // nil if nobody signed it
	public      ed25519.PublicKey
}

func (s *sighting) fingerprint() string { return protocol.Fingerprint(s.public) }

func (k *strangeKey) add(s *sighting) {
	if k.FirstSeen.IsZero() || s.FirstSeen.Before(k.FirstSeen) {
		k.FirstSeen = s.FirstSeen
	}
	if s.LastSeen.After(k.LastSeen) {
		k.LastSeen = s.LastSeen
	}
	k.Sightings = append(k.Sightings, s)
}

// established tells whether somebody stands for it that the key was published.
func (k *strangeKey) established() bool {
	for _, s := range k.Sightings {
		if s.Check == checkGood || s.Check == checkUnsigned {
			return true
		}
	}
	return false
}

// conclude finds the result: a strange key that somebody stands for counts most.
func (r *monitorResult) conclude() {
	r.Result = monitorClear
	for _, n := range r.Nodes {
		if n.Error != "" {
			r.Result = monitorUnreachable
		}
	}
	if len(r.Strange) > 0 {
		r.Result = monitorUnreachable
	}
	for _, k := range r.Strange {
		if k.established() {
			r.Result = monitorStrange
		}
	}
}

// neverSeen is the warning where no node that answered knows any key of the domain.
const neverSeen = "no node has seen a key of this domain: is the name right? Nodes observe a domain after its first claim"

// exit is what the command ends with; the person was told already.
func (r *monitorResult) exit() error {
	switch r.Result {
	case monitorStrange:
		return &exit{code: exitRejected}
	case monitorUnreachable:
		return &exit{code: exitUnreachable}
	}
	return nil
}

// tell prints what a look brought, where there is news, and warns of what went wrong.
func (m *monitor) tell(cmd *cobra.Command, r *monitorResult, news bool) error {
	if wantsJSON(cmd) {
		if !news {
			return nil
		}
		return printJSON(cmd.OutOrStdout(), r)
	}
	for _, n := range r.Nodes {
		if n.Error != "" {
			note(cmd, "no answer from %s: %s", n.Node, n.Error)
		}
		if n.Truncated {
			note(cmd, "%s has more observations than one look reads: only the newest %d were read", n.Node, n.Observations)
		}
	}
	if r.Unreadable > 0 {
		note(cmd, "passed over %s that nobody can read", plural(r.Unreadable, "observation"))
	}
	for _, s := range r.Forged {
		note(cmd, "passed over an observation that %s did not sign: %s", s.Observer, s.Why)
	}
	if !news {
		return nil
	}
	if r.Warning != "" {
		note(cmd, "warning: %s", r.Warning)
	}
	w := &failing{to: cmd.OutOrStdout()}
	r.print(w, newPaint(cmd.OutOrStdout()))
	return w.err
}

// failing keeps the first error of a writer.
type failing struct {
	to  io.Writer
	err error
}

func (f *failing) Write(p []byte) (int, error) {
	n, err := f.to.Write(p)
	f.err = errors.Join(f.err, err)
	return n, err
}

// print shows the strange keys that are new, and the sum.
func (r *monitorResult) print(out io.Writer, p paint) {
	for _, k := range r.Strange {
		if !k.New {
			continue
		}
		fmt.Fprintf(out, "%s  %s published a key that is not yours\n", p.red("STRANGE"), r.Domain)
		fmt.Fprintf(out, "    fingerprint  %s\n    public key   %s\n", k.Fingerprint, k.Public)
		for i, s := range k.Sightings {
			if i == maxSightingsShown {
				fmt.Fprintf(out, "    … and %s more\n", plural(len(k.Sightings)-maxSightingsShown, "sighting"))
				break
			}
			fmt.Fprintf(out, "    %s\n", printable(s.line()))
		}
	}
	asked := 0
	for _, n := range r.Nodes {
		if n.Error == "" {
			asked++
		}
	}
	sum := fmt.Sprintf("%s: %s, %s of yours seen; %d of %s answered", r.Domain,
		plural(len(r.Strange), "strange key"), plural(r.Own, "key"), asked, plural(len(r.Nodes), "node"))
	fmt.Fprintln(out, p.bold(sum))
	if len(r.Strange) > 0 {
		fmt.Fprintln(out, "  If such a key is yours, name it with --expect or --fingerprint. If not, somebody could publish in your name: look at who can change your DNS\n"+
			"  zone and your web server, take the key out, and tell those who rely on your claims: what it signed is not yours.")
	}
}

// maxSightingsShown is how many sightings of a key a person is shown.
const maxSightingsShown = 8

// line tells a sighting in one line.
func (s *sighting) line() string {
	if s.observation == nil {
		return "published now, says " + s.Node
	}
	where := make([]string, len(s.Channels))
	for i, c := range s.Channels {
		where[i] = map[protocol.Channel]string{protocol.DNS: "DNS", protocol.WellKnown: "the document"}[c]
	}
	text := fmt.Sprintf("%s saw it in %s from %s to %s", s.Observer, strings.Join(where, " and "), s.FirstSeen.Format(time.RFC3339), s.LastSeen.Format(time.RFC3339))
	if s.Gone {
		text += ", and not after"
	}
	if s.Check == checkUnable {
		text += "; not verified: " + s.Why
	}
	return text
}
