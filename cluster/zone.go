package cluster

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"

	"mirnode/protocol"
)

// What is said about caching, in seconds. The cluster's own nodes and tools go by keyTTL, so that a script that publishes waits for no cache.
const (
	recordTTL   = 60 // of all records, and the max-age of all documents: like those of a domain that is well run
	negativeTTL = 1  // of what does not exist: it may at any moment
)

// nameServer is the host that every zone's NS and SOA records name.
const nameServer = "ns.mir-cluster.test."

// zone is what published.json says, laid out for look-ups. It is not changed once it is made.
type zone struct {
	serial  uint32
	domains map[string]*Domain  // by name, lower case, without the final dot
	records map[string][]dns.RR // by owner, lower case, with the final dot
	names   map[string]bool     // every owner and every name above one: what exists, even if it holds no records
}

// newZone lays p out. A domain that names no address has the one that is given.
func newZone(p *Published, address netip.Addr) (*zone, error) {
	z := &zone{serial: p.Serial, domains: p.Domains, records: map[string][]dns.RR{}, names: map[string]bool{".": true}}
	z.addAddress(nameServer, address)
	for name, d := range p.Domains {
		if err := z.addDomain(name, d, address); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return z, nil
}

// addAddress adds an A or AAAA record.
func (z *zone) addAddress(owner string, address netip.Addr) {
	if address.Is4() {
		z.add(&dns.A{Hdr: header(owner, dns.TypeA), A: address.AsSlice()})
	} else {
		z.add(&dns.AAAA{Hdr: header(owner, dns.TypeAAAA), AAAA: address.AsSlice()})
	}
}

func (z *zone) addDomain(name string, d *Domain, otherwise netip.Addr) error {
	apex := dns.Fqdn(name)
	z.add(z.soa(apex))
	z.add(&dns.NS{Hdr: header(apex, dns.TypeNS), Ns: nameServer})
	addresses := d.Addresses
	if addresses == nil {
		addresses = []netip.Addr{otherwise}
	}
	for _, address := range addresses {
		z.addAddress(apex, address)
	}
	for _, k := range d.Keys {
		if !slices.Contains(k.Channels, protocol.DNS) {
			continue
		}
		public, err := protocol.ParsePublicKey(k.Public)
		if err != nil {
			return err
		}
		owner := "_mir-key." + apex
		z.add(&dns.TXT{Hdr: header(owner, dns.TypeTXT), Txt: splitText(protocol.KeyRecord(public))})
	}
	z.addTexts(d)
	for _, text := range d.Records {
		record, err := parseRecord(name, text)
		if err != nil {
			return err
		}
		z.add(record)
	}
	return nil
}

func (z *zone) add(record dns.RR) {
	owner := strings.ToLower(record.Header().Name)
	z.records[owner] = append(z.records[owner], record)
	for name := owner; !z.names[name]; name = parent(name) {
		z.names[name] = true
	}
}

// soa is the SOA record of the zone apex; "." stands for all that no published domain covers.
func (z *zone) soa(apex string) *dns.SOA {
	return &dns.SOA{Hdr: header(apex, dns.TypeSOA), Ns: nameServer, Mbox: "hostmaster.mir-cluster.test.",
		Serial: z.serial, Refresh: recordTTL, Retry: recordTTL, Expire: recordTTL, Minttl: negativeTTL}
}

// covering finds the published domain that name (lower case, final dot) is or is below; the nearest one wins.
func (z *zone) covering(name string) (apex string, d *Domain) {
	for ; name != "."; name = parent(name) {
		if d := z.domains[strings.TrimSuffix(name, ".")]; d != nil {
			return name, d
		}
	}
	return ".", nil
}

// parent is the name one label up; the root's parent is the root.
func parent(name string) string {
	next, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[next:]
}

func header(owner string, rrtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: rrtype, Class: dns.ClassINET, Ttl: recordTTL}
}

// splitText cuts a value into the strings of at most 255 bytes that a TXT record is made of (RFC 1035, 3.3.14).
func splitText(value string) []string {
	var parts []string
	for len(value) > 255 {
		parts, value = append(parts, value[:255]), value[255:]
	}
	return append(parts, value)
}

// parseRecord reads one record in the form of a zone file, whose relative names are below domain. Its owner must be below it too.
func parseRecord(domain, text string) (dns.RR, error) {
	if strings.ContainsAny(text, "\n$") {
		return nil, fmt.Errorf("record %q: one record on one line", text)
	}
	parser := dns.NewZoneParser(strings.NewReader(text), dns.Fqdn(domain), "")
	parser.SetDefaultTTL(recordTTL)
	record, ok := parser.Next()
	if !ok {
		return nil, fmt.Errorf("record %q: %w", text, errorOr(parser.Err(), "is empty"))
	}
	if !dns.IsSubDomain(dns.Fqdn(domain), record.Header().Name) {
		return nil, fmt.Errorf("record %q: %s is not below %s", text, record.Header().Name, domain)
	}
	return record, nil
}

func errorOr(err error, otherwise string) error {
	if err == nil {
		return fmt.Errorf("%s", otherwise)
	}
	return err
}

// zoneFile keeps the zone in step with published.json. Safe for concurrent use.
type zoneFile struct {
	path    string
	address netip.Addr // of domains that name no other
	log     *slog.Logger

	mu      sync.Mutex
	current *zone    // guarded by mu
	file    *os.File // guarded by mu; the version that current was made from, kept open so that its inode cannot be used again
	seen    os.FileInfo
}

func openZone(dir string, address netip.Addr, log *slog.Logger) (*zoneFile, error) {
	f := &zoneFile{path: publishedPath(dir), address: address, log: log}
	if err := f.reload(); err != nil {
		return nil, err
	}
	return f, nil
}

// zone returns the newest zone. A published.json that was edited by hand and cannot be read is told to the log, and leaves the last good one.
func (f *zoneFile) zone() *zone {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, err := os.Stat(f.path)
	if err == nil && f.seen != nil && os.SameFile(now, f.seen) && now.ModTime().Equal(f.seen.ModTime()) && now.Size() == f.seen.Size() {
		return f.current
	}
	if err == nil {
		err = f.reload()
	}
	if err != nil {
		f.log.Error("published.json is unusable: the last good one stays in force", "error", err)
	}
	return f.current
}

// reload reads the file. Its caller holds mu, or is the only one that knows of f.
func (f *zoneFile) reload() error {
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	seen, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	if f.file != nil {
		_ = f.file.Close() // a file that was only read
	}
	f.file, f.seen = file, seen // also of a bad version, so that it is read and complained about once
	p, err := decodePublished(file)
	if err != nil {
		return err
	}
	z, err := newZone(p, f.address)
	if err != nil {
		return err
	}
	f.current = z
	return nil
}

func (f *zoneFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Close()
}
