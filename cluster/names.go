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

// localhost is where a cluster's servers listen.
var localhost = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// Names is the half of a cluster that stands in for the internet: a DNS server and an HTTPS server that say what published.json says, at that
// moment. Safe for concurrent use.
type Names struct {
	zone      *zoneFile
	dns       *dnsServer
	wellKnown *wellKnownServer
	authority *authority
	caFile    string
}

// NamesOptions say where the names are served.
type NamesOptions struct {
	Dir string // the folder of published.json
	// Address is where both servers listen, and the address of every domain that names no other; the zero value: 127.0.0.1.
	Address            netip.Addr
	DNSPort, HTTPSPort uint16 // 0: any that is free
	// KeepAuthority keeps the authority's key in ca-key.pem, so that certificates and ca.pem stay good over a restart.
	KeepAuthority bool
	Now           func() time.Time // the clock of the certificates; nil: time.Now
	Logger        *slog.Logger     // nil: silent
}

// StartNames starts both servers on the folder dir, on free ports of 127.0.0.1, with a new authority. now is the clock of the certificates.
func StartNames(dir string, now func() time.Time, log *slog.Logger) (*Names, error) {
	return OpenNames(NamesOptions{Dir: dir, Now: now, Logger: log})
}

// OpenNames starts both servers. published.json is made if it is not there; ca.pem, the certificate of the authority that vouches for the HTTPS
// server, is written anew.
func OpenNames(o NamesOptions) (*Names, error) {
	if !o.Address.IsValid() {
		o.Address = localhost
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if _, err := os.Stat(publishedPath(o.Dir)); errors.Is(err, os.ErrNotExist) {
		if err := writePublished(o.Dir, &Published{Domains: map[string]*Domain{}}); err != nil {
			return nil, err
		}
	}
	authority, err := o.openAuthority()
	if err != nil {
		return nil, fmt.Errorf("make a certificate authority: %w", err)
	}
	n := &Names{authority: authority, caFile: filepath.Join(o.Dir, "ca.pem")}
	if err := renameio.WriteFile(n.caFile, authority.PEM(), 0o600); err != nil {
		return nil, err
	}
	if n.zone, err = openZone(o.Dir, o.Address, o.Logger); err != nil {
		return nil, err
	}
	if n.dns, err = startDNS(n.zone, netip.AddrPortFrom(o.Address, o.DNSPort), o.Logger); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	if n.wellKnown, err = startWellKnown(n.zone, netip.AddrPortFrom(o.Address, o.HTTPSPort), authority, o.Logger); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (o *NamesOptions) openAuthority() (*authority, error) {
	if !o.KeepAuthority {
		return newAuthority(o.Now)
	}
	return keptAuthority(filepath.Join(o.Dir, "ca-key.pem"), filepath.Join(o.Dir, "ca.pem"), o.Now)
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
