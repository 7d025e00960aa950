package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Where the ports of nodes are chosen from: below those that systems give to outgoing connections (32768 and up on Linux, 49152 elsewhere), so
// that a node which comes back finds its port free.
const (
	firstPort = 10_000
	lastPort  = 32_000
	freeTries = 200
)

// ports are a folder's: chosen once, kept in ports.json, and taken again at each start, so that addresses which people wrote down stay good.
type ports struct {
	kept  map[string]uint16 // by what listens there: "dns", "https", "node1 api", "node1 operator", "node1 gossip"
	taken map[netip.AddrPort]bool
	log   *slog.Logger
}

func portsPath(dir string) string { return filepath.Join(dir, "ports.json") }

// openPorts reads what the folder remembers. A file that cannot be read costs the ports, and no start.
func openPorts(dir string, log *slog.Logger) *ports {
	p := &ports{kept: make(map[string]uint16), taken: make(map[netip.AddrPort]bool), log: log}
	data, err := os.ReadFile(portsPath(dir))
	if err == nil {
		err = json.Unmarshal(data, &p.kept)
	}
	if p.kept == nil { // the file says null
		p.kept = make(map[string]uint16)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("the folder's ports cannot be read, new ones are chosen: addresses that you wrote down are no longer good", "file", portsPath(dir), "error", err)
		p.kept = make(map[string]uint16)
	}
	return p
}

// choose gives the port of what has this name: the one that it had, where that is free, or else a new one, which is told and remembered.
func (p *ports) choose(name string, address netip.Addr) (netip.AddrPort, error) {
	before := p.kept[name]
	if at := netip.AddrPortFrom(address, before); before != 0 && !p.taken[at] && tryPort(at) == nil {
		p.taken[at] = true
		return at, nil
	}
	at, err := freePort(address, p.taken)
	if err != nil {
		return at, err
	}
	if before != 0 {
		p.log.Warn("a port of this folder is in use by another program, a new one was chosen: addresses with the old one are no longer good", "for", name, "old", before, "new", at.Port())
	}
	p.kept[name] = at.Port()
	return at, nil
}

// save remembers the ports, also those of nodes that are not of this run.
func (p *ports) save(dir string) error {
	data, err := json.MarshalIndent(p.kept, "", "  ")
	if err != nil {
		return err
	}
	return renameio.WriteFile(portsPath(dir), append(data, '\n'), 0o600)
}

// freePort finds a port of the address that nobody uses now, for TCP and for UDP, and that is not among the taken ones.
func freePort(address netip.Addr, taken map[netip.AddrPort]bool) (netip.AddrPort, error) {
	var failed error
	for range freeTries {
		at := netip.AddrPortFrom(address, uint16(firstPort+rand.IntN(lastPort-firstPort))) //nolint:gosec // any free port will do
		if taken[at] {
			continue
		}
		if failed = tryPort(at); failed == nil {
			taken[at] = true
			return at, nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("no free port on %s: %w", address, failed)
}

func tryPort(at netip.AddrPort) error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp4", at.String())
	if err != nil {
		return err
	}
	packets, err := new(net.ListenConfig).ListenPacket(context.Background(), "udp4", at.String())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return errors.Join(packets.Close(), listener.Close())
}

// manyAddresses tells that this machine has the addresses from which edges know the nodes apart.
func manyAddresses() bool {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp4", netip.AddrPortFrom(sourceOf(0), 0).String())
	if err != nil {
		return false
	}
	_ = listener.Close()
	return true
}
