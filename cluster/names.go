package cluster

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
)

// Names is the half of a cluster that stands in for the internet: a DNS server and an HTTPS server on loopback that say what
// published.json says, at that moment. Safe for concurrent use.
type Names struct {
	zone      *zoneFile
	dns       *dnsServer
	wellKnown *wellKnownServer
	authority *authority
	caFile    string
}

// StartNames starts both servers on the folder dir, on free ports. published.json is made if it is not there; ca.pem, the
// certificate of the authority that vouches for the HTTPS server, is written anew. now is the clock of the certificates.
func StartNames(dir string, now func() time.Time, log *slog.Logger) (*Names, error) {
	if _, err := os.Stat(publishedPath(dir)); errors.Is(err, os.ErrNotExist) {
		if err := writePublished(dir, &Published{Domains: map[string]*Domain{}}); err != nil {
			return nil, err
		}
	}
	authority, err := newAuthority(now)
	if err != nil {
		return nil, fmt.Errorf("make a certificate authority: %w", err)
	}
	n := &Names{authority: authority, caFile: filepath.Join(dir, "ca.pem")}
	if err := renameio.WriteFile(n.caFile, authority.PEM(), 0o600); err != nil {
		return nil, err
	}
	if n.zone, err = openZone(dir, log); err != nil {
		return nil, err
	}
	if n.dns, err = startDNS(n.zone, log); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	if n.wellKnown, err = startWellKnown(n.zone, authority, log); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// DNS is where the DNS server listens, over UDP and TCP.
func (n *Names) DNS() netip.AddrPort { return n.dns.address }

// WellKnown is where the HTTPS server listens. Its port takes the place of 443 in every look-up of the cluster.
func (n *Names) WellKnown() netip.AddrPort { return n.wellKnown.address }

// CAFile is the PEM file of the authority's certificate.
func (n *Names) CAFile() string { return n.caFile }

// Close stops the servers within a few seconds.
func (n *Names) Close() error {
	var failed error
	if n.wellKnown != nil {
		failed = errors.Join(failed, n.wellKnown.Close())
	}
	if n.dns != nil {
		failed = errors.Join(failed, n.dns.Close())
	}
	if n.zone != nil {
		failed = errors.Join(failed, n.zone.Close())
	}
	return failed
}
