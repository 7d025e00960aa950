package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"
	"github.com/miekg/dns"

	"mirnode/protocol"
)

// Bounds of published.json: far past what a laptop's federation needs, and small enough that the whole file is read at once.
const (
	maxDomains       = 10_000
	maxKeysPerDomain = 64
	maxRecords       = 64
	maxDocumentBytes = 1 << 20 // over discovery's own limit, so that a too large document can be played
	maxPublishedSize = 64 << 20
)

// Published is the content of published.json: what the cluster's DNS and HTTPS servers say. A name that is not in it does not exist.
type Published struct {
	Serial  uint32             `json:"serial"` // grows by one with each change; the serial of every SOA record
	Domains map[string]*Domain `json:"domains"`
}

// Domain is what one domain publishes. The zero value is a domain that exists, lives where the cluster's servers are, and has no keys.
type Domain struct {
	// Addresses are the domain's A and AAAA records. nil: where the cluster's HTTPS server is (127.0.0.1, but for OpenNames); empty: none at all.
	Addresses []netip.Addr `json:"addresses,omitzero"`
	Keys      []Key        `json:"keys,omitempty"`
	// Records are further records in the form of a zone file ("_mir-key.example.test. CNAME keys.example.net."); a name without a final
	// dot is below the domain. They are answered as they are: this is how a script plays a domain that got something wrong.
	Records []string `json:"records,omitempty"`
	// Texts are TXT records, by their full names in lower case: "_mir-verify.example.test" and the like, at or below the domain. See SetText.
	Texts map[string][]string `json:"texts,omitempty"`
	// Document, where given, is served as /.well-known/mir.json in the place of the one that is made from Keys.
	Document *Document `json:"document,omitempty"`
	// Rcode, where given, is the answer to every DNS question about the domain: "SERVFAIL", "REFUSED", …
	Rcode string `json:"rcode,omitempty"`
}

// Key is a domain key and where it is published. Created and Expires are told by the well-known document alone; nil: not said, never.
type Key struct {
	Public   string             `json:"pub"` // base64url, 43 characters
	Channels []protocol.Channel `json:"channels"`
	Created  *time.Time         `json:"created,omitempty"`
	Expires  *time.Time         `json:"expires,omitempty"`
}

// Document is an answer of the HTTPS server, as it is.
type Document struct {
	Status      int    `json:"status"`
	ContentType string `json:"contentType"`
	Location    string `json:"location,omitempty"`
	Body        string `json:"body"`
}

// ErrNotPublished says that what should be withdrawn was not published.
var ErrNotPublished = errors.New("not published")

// ReadPublished reads published.json of the folder dir.
func ReadPublished(dir string) (*Published, error) {
	file, err := os.Open(publishedPath(dir))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // a file that was only read
	return decodePublished(file)
}

// UpdatePublished changes what the cluster in the folder dir publishes: change is handed the present state, and what it leaves there
// is checked and replaces published.json in one step. Several processes may do so at once: a lock file makes them queue. The servers see
// the change from the next question on. An error of change is returned as it is, and nothing is written.
func UpdatePublished(dir string, change func(*Published) error) error {
	unlock, err := lockFile(filepath.Join(dir, "published.lock"))
	if err != nil {
		return fmt.Errorf("lock the published names: %w", err)
	}
	defer unlock()
	p, err := ReadPublished(dir)
	if err != nil {
		return err
	}
	if err := change(p); err != nil {
		return err
	}
	p.Serial++
	return writePublished(dir, p)
}

func writePublished(dir string, p *Published) error {
	if err := p.check(); err != nil {
		return err
	}
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	if len(data) > maxPublishedSize {
		return fmt.Errorf("published.json would be over %d bytes", maxPublishedSize)
	}
	return renameio.WriteFile(publishedPath(dir), append(data, '\n'), 0o600)
}

func publishedPath(dir string) string { return filepath.Join(dir, "published.json") }

func decodePublished(r io.Reader) (*Published, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxPublishedSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxPublishedSize {
		return nil, fmt.Errorf("published.json is over %d bytes", maxPublishedSize)
	}
	p := new(Published)
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(p); err != nil {
		return nil, fmt.Errorf("published.json: %w", err)
	}
	if p.Domains == nil {
		p.Domains = map[string]*Domain{}
	}
	return p, p.check()
}

// Domain returns the entry of name, made if need be. The name must be as protocol.ParseDomain returns it.
func (p *Published) Domain(name string) *Domain {
	d := p.Domains[name]
	if d == nil {
		d = new(Domain)
		p.Domains[name] = d
	}
	return d
}

// SetKey publishes k in its channels, and in no other one. Its times replace the earlier ones where they are given.
func (d *Domain) SetKey(k Key) {
	i := slices.IndexFunc(d.Keys, func(have Key) bool { return have.Public == k.Public })
	if i < 0 {
		d.Keys = append(d.Keys, k)
		return
	}
	have := &d.Keys[i]
	have.Channels = slices.Clone(k.Channels)
	if k.Created != nil {
		have.Created = k.Created
	}
	if k.Expires != nil {
		have.Expires = k.Expires
	}
}

// RemoveKeys withdraws the key public ("": every key) from the channels, and reports ErrNotPublished where there was nothing to withdraw.
// A key that is left in no channel is dropped.
func (d *Domain) RemoveKeys(public string, channels []protocol.Channel) error {
	found := false
	for i := range d.Keys {
		k := &d.Keys[i]
		if public != "" && k.Public != public {
			continue
		}
		k.Channels = slices.DeleteFunc(k.Channels, func(c protocol.Channel) bool {
			gone := slices.Contains(channels, c)
			found = found || gone
			return gone
		})
	}
	if !found {
		return ErrNotPublished
	}
	d.Keys = slices.DeleteFunc(d.Keys, func(k Key) bool { return len(k.Channels) == 0 })
	return nil
}

// check holds p to the bounds and formats, so that the servers never meet an entry that they cannot serve.
func (p *Published) check() error {
	if len(p.Domains) > maxDomains {
		return fmt.Errorf("published.json: over %d domains", maxDomains)
	}
	for name, d := range p.Domains {
		if lower, err := protocol.ParseDomain(name); err != nil {
			return fmt.Errorf("published.json: %w", err)
		} else if lower != name {
			return fmt.Errorf("published.json: %s: names stand in lower case", name)
		}
		if d == nil {
			return fmt.Errorf("published.json: %s: null is no domain", name)
		}
		if err := d.check(name); err != nil {
			return fmt.Errorf("published.json: %s: %w", name, err)
		}
	}
	return nil
}

func (d *Domain) check(name string) error {
	if len(d.Keys) > maxKeysPerDomain || len(d.Records) > maxRecords || len(d.Addresses) > maxRecords {
		return fmt.Errorf("over %d keys, or over %d records or addresses", maxKeysPerDomain, maxRecords)
	}
	for _, k := range d.Keys {
		if _, err := protocol.ParsePublicKey(k.Public); err != nil {
			return err
		}
		for _, channel := range k.Channels {
			if channel != protocol.DNS && channel != protocol.WellKnown {
				return fmt.Errorf("%q is no channel; there are %s and %s", channel, protocol.DNS, protocol.WellKnown)
			}
		}
	}
	for _, record := range d.Records {
		if _, err := parseRecord(name, record); err != nil {
			return err
		}
	}
	if err := d.checkTexts(name); err != nil {
		return err
	}
	if _, known := dns.StringToRcode[d.Rcode]; d.Rcode != "" && !known {
		return fmt.Errorf("%q is no DNS answer code; SERVFAIL and REFUSED are", d.Rcode)
	}
	if doc := d.Document; doc != nil {
		if doc.Status < 200 || doc.Status > 599 {
			return fmt.Errorf("%d is no status of an HTTP answer", doc.Status)
		}
		if len(doc.Body) > maxDocumentBytes {
			return fmt.Errorf("the document is over %d bytes", maxDocumentBytes)
		}
	}
	return nil
}
