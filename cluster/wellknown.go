package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mirnode/protocol"
)

// The limits of the HTTPS server. It serves small documents to the machine that it runs on.
const (
	httpTimeout    = 5 * time.Second
	maxHeaderBytes = 16 << 10
)

// wellKnownServer serves /.well-known/mir.json of every published domain over HTTPS, with a certificate that is made for the name that
// the client asks for.
type wellKnownServer struct {
	zone      *zoneFile
	authority *authority
	address   netip.AddrPort
	server    *http.Server
	done      chan error // the end of the serving goroutine
}

// startWellKnown listens at the address and serves until Close. Port 0 takes any that is free.
func startWellKnown(zone *zoneFile, at netip.AddrPort, authority *authority, log *slog.Logger) (*wellKnownServer, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", at.String())
	if err != nil {
		return nil, fmt.Errorf("listen for HTTPS: %w", err)
	}
	s := &wellKnownServer{zone: zone, authority: authority,
		address: listener.Addr().(*net.TCPAddr).AddrPort(), done: make(chan error, 1)}
	s.server = &http.Server{
		Handler:           s,
		TLSConfig:         &tls.Config{GetCertificate: s.certificate, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: httpTimeout,
		ReadTimeout:       httpTimeout,
		WriteTimeout:      httpTimeout,
		IdleTimeout:       httpTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() { s.done <- s.server.ServeTLS(listener, "", "") }()
	return s, nil
}

func (s *wellKnownServer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.server.Close())
	}
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// certificate chooses by SNI. A name that is not published gets none, so that the handshake fails as it does at a host that knows
// nothing of the name.
func (s *wellKnownServer) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(hello.ServerName)
	if !s.serves(name) {
		return nil, fmt.Errorf("%q is not published", name)
	}
	return s.authority.certificateFor(name)
}

// serves reports whether name is a published domain, or a name below one that has an address by a record of its own (www.…).
func (s *wellKnownServer) serves(name string) bool {
	z := s.zone.zone()
	return z.domains[name] != nil || len(z.records[name+"."]) > 0
}

// ServeHTTP implements http.Handler.
func (s *wellKnownServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := strings.ToLower(r.Host)
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if !strings.EqualFold(host, r.TLS.ServerName) {
		http.Error(w, "this connection is for "+r.TLS.ServerName, http.StatusMisdirectedRequest)
		return
	}
	domain := s.zone.zone().domains[host]
	if domain == nil || r.URL.Path != "/.well-known/mir.json" {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	document := domain.document()
	if document == nil {
		http.NotFound(w, r)
		return
	}
	header := w.Header()
	header.Set("Cache-Control", fmt.Sprintf("max-age=%d", recordTTL))
	header.Set("Content-Type", document.ContentType)
	if document.Location != "" {
		header.Set("Location", document.Location)
	}
	w.WriteHeader(document.Status)
	_, _ = w.Write([]byte(document.Body)) // a client that went away is no concern of ours
}

// document is what the domain answers: the one that was set, or one of its keys; nil if it has none for this channel.
func (d *Domain) document() *Document {
	if d.Document != nil {
		return d.Document
	}
	var keys []protocol.DomainKey
	for _, k := range d.Keys {
		if !slices.Contains(k.Channels, protocol.WellKnown) {
			continue
		}
		public, err := protocol.ParsePublicKey(k.Public)
		if err != nil {
			continue // published.json is checked when it is read
		}
		key := protocol.DomainKey{Public: public, Fingerprint: protocol.Fingerprint(public)}
		if k.Created != nil {
			key.Created = *k.Created
		}
		if k.Expires != nil {
			key.Expires = *k.Expires
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil
	}
	body := protocol.KeyDocument{Keys: keys}.JSON()
	return &Document{Status: http.StatusOK, ContentType: "application/json", Body: string(body)}
}
