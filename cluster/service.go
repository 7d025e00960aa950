package cluster

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/google/renameio/v2"

	"mirnode/internal/pemfile"
	"mirnode/protocol"
)

// certificateLook is how often a service looks whether a certificate has come of age. One is renewed at half of its life, so much is left then.
const certificateLook = time.Hour

// Outsider is a node that runs by itself, in another container or on another machine, for which a Service does what a cluster does for its own.
type Outsider struct {
	Domain string
	At     netip.AddrPort // where it serves its API
}

// Service is the names for nodes that run by themselves: docker-compose.yml's, for example. Beside what Names does it makes, in a folder for each
// node that is named for the node's domain, all that the node needs to be found and believed:
//
//	node-key.pem               the node's key, whose public half is published in DNS
//	mir.json                   the document of that key, for the node to serve itself
//	tls-cert.pem, tls-key.pem  its certificate, renewed in time
//	ca.pem                     the authority
//	gossip.key                 the key of the nodes' gossip, the same for all
//
// so that a node can be shown its own folder alone. The authority's key stays in the service's folder.
type Service struct {
	names  *Names
	o      NamesOptions
	nodes  []Outsider
	unlock func()
	close  func() error
}

// StartService starts the names for the nodes. The folder is made if it is not there; one on which another service or cluster runs is refused.
func StartService(o NamesOptions, nodes []Outsider) (*Service, error) {
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	unlock, err := tryLockFile(filepath.Join(o.Dir, lockName))
	if errors.Is(err, errLocked) {
		return nil, inUse(o.Dir)
	}
	if err != nil {
		return nil, err
	}
	o.KeepAuthority = true
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Service{o: o, nodes: nodes, unlock: unlock}
	s.close = sync.OnceValue(s.shut)
	if s.names, err = OpenNames(o); err != nil {
		unlock()
		return nil, err
	}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// prepare makes the nodes' folders, publishes them, and says that all is there.
func (s *Service) prepare() error {
	state := State{
		Version: stateVersion, PID: os.Getpid(), StartedAt: s.o.Now().UTC().Truncate(time.Second), Dir: s.o.Dir,
		DNS: s.names.DNS().String(), WellKnownAddress: s.names.WellKnown().String(), WellKnownPort: int(s.names.WellKnown().Port()),
		CAFile: s.names.CAFile(), PublishedFile: publishedPath(s.o.Dir),
	}
	if err := makeGossipKey(gossipKeyPath(s.o.Dir)); err != nil {
		return err
	}
	for _, outsider := range s.nodes {
		url := "https://" + net.JoinHostPort(outsider.Domain, strconv.Itoa(int(outsider.At.Port())))
		n := Node{Name: outsider.Domain, Domain: outsider.Domain, Status: Elsewhere, URL: url, PublicURL: url,
			KeyFile: filepath.Join(s.folder(outsider), "node-key.pem")}
		if err := s.prepareNode(outsider, n); err != nil {
			return fmt.Errorf("%s: %w", outsider.Domain, err)
		}
		state.Domains, state.Nodes = append(state.Domains, outsider.Domain), append(state.Nodes, n)
	}
	return state.write()
}

func (s *Service) folder(outsider Outsider) string { return filepath.Join(s.o.Dir, outsider.Domain) }

func (s *Service) prepareNode(outsider Outsider, n Node) error {
	folder := s.folder(outsider)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := makeNodeKey(n.KeyFile); err != nil {
		return err
	}
	public, err := pemfile.ReadPublicKey(n.KeyFile)
	if err != nil {
		return err
	}
	gossipKey, err := os.ReadFile(gossipKeyPath(s.o.Dir))
	if err != nil {
		return err
	}
	document := protocol.KeyDocument{Keys: []protocol.DomainKey{{Public: public, Fingerprint: protocol.Fingerprint(public)}}}.JSON()
	for name, data := range map[string][]byte{"ca.pem": s.names.authority.PEM(), "gossip.key": gossipKey, "mir.json": document} {
		if err := renameio.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			return err
		}
	}
	if err := s.certify(outsider); err != nil {
		return err
	}
	return UpdatePublished(s.o.Dir, func(p *Published) error {
		d := p.Domain(outsider.Domain)
		d.Addresses = []netip.Addr{outsider.At.Addr()}
		return n.publish(d)
	})
}

// certify writes the node's certificate, if the one that lies there is another.
func (s *Service) certify(outsider Outsider) error {
	certificate, err := s.names.authority.certificateFor(outsider.Domain)
	if err != nil {
		return err
	}
	certificateFile := filepath.Join(s.folder(outsider), "tls-cert.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	if there, err := os.ReadFile(certificateFile); err == nil && bytes.Equal(there, text) {
		return nil
	}
	key, err := keyPEM(certificate.PrivateKey.(*ecdsa.PrivateKey)) // as the authority makes them
	if err != nil {
		return err
	}
	// A node that looks between the two finds a pair that does not fit, keeps the one that it has, and looks again.
	return errors.Join(renameio.WriteFile(filepath.Join(s.folder(outsider), "tls-key.pem"), key, 0o600), renameio.WriteFile(certificateFile, text, 0o600))
}

// Names tells where the servers are.
func (s *Service) Names() *Names { return s.names }

// Run renews the nodes' certificates until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(certificateLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := s.Renew(); err != nil {
			return err
		}
	}
}

// Renew renews the certificates that have come of age.
func (s *Service) Renew() error {
	for _, outsider := range s.nodes {
		if err := s.certify(outsider); err != nil {
			return fmt.Errorf("%s: %w", outsider.Domain, err)
		}
	}
	return nil
}

// Close stops the servers within a few seconds. The folder stays. Later calls return the same.
func (s *Service) Close() error { return s.close() }

func (s *Service) shut() error {
	defer s.unlock()
	err := os.Remove(statePath(s.o.Dir))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, s.names.Close())
}
