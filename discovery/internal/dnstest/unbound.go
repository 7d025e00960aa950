package dnstest

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"mirnode/discovery/internal/tlstest"
)

// Unbound is a running unbound: a validating resolver.
type Unbound struct {
	Port       int    // on 127.0.0.1, UDP and TCP
	TLSPort    int    // on 127.0.0.1, DNS over TLS
	ServerName string // what the certificate is good for
}

// Address is host:port for UDP and TCP.
func (u *Unbound) Address() string { return fmt.Sprintf("127.0.0.1:%d", u.Port) }

// TLSAddress is host:port for DNS over TLS.
func (u *Unbound) TLSAddress() string { return fmt.Sprintf("127.0.0.1:%d", u.TLSPort) }

// StartUnbound puts unbound in front of an authoritative server until the test ends. It trusts the
// server's signed zones, asks nobody else, and has a certificate of the CA. The zones in lame are
// delegated to the same server, which refuses them: unbound answers SERVFAIL.
func StartUnbound(t testing.TB, behind *Bind, ca *tlstest.CA, lame ...string) *Unbound {
	t.Helper()
	unbound := binary(t, "unbound", "unbound")
	dir := t.TempDir()
	u := &Unbound{ServerName: "resolver.example"}
	cert, key := ca.PEM(t, tlstest.Leaf{Names: []string{u.ServerName}})
	write(t, filepath.Join(dir, "tls.crt"), string(cert))
	write(t, filepath.Join(dir, "tls.priv"), string(key))
	var stubs, anchors strings.Builder
	for _, z := range behind.Zones {
		fmt.Fprintf(&stubs, "stub-zone:\n  name: %q\n  stub-addr: 127.0.0.1@%d\n", z.Name, behind.Port)
	}
	for _, name := range lame {
		fmt.Fprintf(&stubs, "stub-zone:\n  name: %q\n  stub-addr: 127.0.0.1@%d\n", name, behind.Port)
	}
	for _, a := range behind.Anchors {
		fmt.Fprintf(&anchors, "  trust-anchor: %q\n", a)
	}
	start(t, "start of service", unbound, func() []string {
		u.Port, u.TLSPort = freePort(t), freePort(t)
		write(t, filepath.Join(dir, "unbound.conf"), fmt.Sprintf(`server:
  directory: %[1]q
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  do-daemonize: no
  verbosity: 1
  num-threads: 1
  do-ip6: no
  do-not-query-localhost: no
  interface: 127.0.0.1@%[2]d
  interface: 127.0.0.1@%[3]d
  tls-port: %[3]d
  tls-service-pem: %[4]q
  tls-service-key: %[5]q
  module-config: "validator iterator"
  ede: yes
%[6]sremote-control:
  control-enable: no
%[7]s`, dir, u.Port, u.TLSPort, filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.priv"), anchors.String(), stubs.String()))
		return []string{"-d", "-p", "-c", filepath.Join(dir, "unbound.conf")}
	})
	return u
}
