package names

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of the HTTPS server. It serves documents to nodes on this machine, and to peers that the suite plays.
const (
	headerTimeout  = 5 * time.Second
	answerTimeout  = 40 * time.Second // longer than any delay
	maxHeaderBytes = 32 << 10
)

// wellKnownPath is where a domain publishes its keys.
const wellKnownPath = "/.well-known/mir.json"

// httpsServer serves our hosts, and passes connections for other hosts on.
type httpsServer struct {
	names   *Names
	address netip.AddrPort
	door    *doorway
	server  *http.Server
	done    chan error    // the ends of the two serving goroutines
	stop    chan struct{} // closed when the server ends
}

func startHTTPS(n *Names, at string) (*httpsServer, error) {
	if at == "" {
		at = "127.0.0.1:0"
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", at)
	if err != nil {
		return nil, fmt.Errorf("listen for HTTPS: %w", err)
	}
	s := &httpsServer{names: n, address: listener.Addr().(*net.TCPAddr).AddrPort(), done: make(chan error, 2), stop: make(chan struct{})}
	s.door = newDoorway(n, listener)
	s.server = &http.Server{
		Handler:           s,
		TLSConfig:         &tls.Config{GetCertificate: s.certificate, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       answerTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       headerTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(n.log.Handler(), slog.LevelDebug),
	}
	go func() { s.done <- s.server.ServeTLS(s.door, "", "") }()
	go func() { s.done <- s.server.Serve(plainDoor{s.door}) }()
	return s, nil
}

func (s *httpsServer) Close() error {
	close(s.stop)
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = s.server.Close() // a client that will not go is sent away
	}
	s.door.wait()
	for range 2 {
		if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
	}
	return err
}

// certificate chooses by SNI. A name that is not published gets none, so that the handshake fails as it does at a host that knows nothing of the name.
func (s *httpsServer) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(hello.ServerName)
	p := s.names.covering(name)
	if p == nil {
		return nil, fmt.Errorf("%q is not published", name)
	}
	return s.names.authority.certificateFor(p.domain.Certificate, name)
}

// ServeHTTP implements http.Handler.
func (s *httpsServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := strings.ToLower(r.Host)
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if r.TLS != nil && !strings.EqualFold(host, r.TLS.ServerName) {
		http.Error(w, "this connection is for another host", http.StatusMisdirectedRequest)
		return
	}
	p := s.names.covering(host)
	if p != nil {
		s.names.count(p.name, func(c *Counts) {
			if r.TLS != nil {
				c.HTTPS++
			} else {
				c.Plain++
			}
		})
	}
	if document := p.documentAt(host, r.URL.Path); document != nil {
		s.serve(w, r, p, document)
		return
	}
	if handler := s.names.handler(host); handler != nil {
		handler.ServeHTTP(w, r)
		return
	}
	http.NotFound(w, r)
}

// documentAt is what a host answers at a path: what was set for the path, or the keys; nil is none. A host below the domain has the documents that were set for
// "//host/path" alone.
func (p *published) documentAt(host, path string) *Document {
	if p == nil {
		return nil
	}
	if host != p.name {
		path = "//" + strings.TrimSuffix(host, "."+p.name) + path
	}
	if d, ok := p.domain.Documents[path]; ok {
		return &d
	}
	switch {
	case path != wellKnownPath:
		return nil
	case p.domain.Document != nil:
		return p.domain.Document
	}
	return keyDocument(p.domain.Keys)
}

// keyDocument makes the document of the keys that are published in it; nil where there are none.
func keyDocument(keys []PublishedKey) *Document {
	type entry struct {
		Public      string          `json:"pub"`
		Fingerprint string          `json:"fingerprint"`
		Algorithm   string          `json:"alg"`
		Created     json.RawMessage `json:"created,omitempty"`
		Expires     json.RawMessage `json:"expires,omitempty"`
	}
	entries := []entry{}
	for _, k := range keys {
		if k.Channels != nil && !slices.Contains(k.Channels, WellKnown) {
			continue
		}
		algorithm := k.Algorithm
		if algorithm == "" {
			algorithm = "Ed25519"
		}
		entries = append(entries, entry{k.Public, k.Fingerprint, algorithm, k.Created, k.Expires})
	}
	if len(entries) == 0 {
		return nil
	}
	body, err := json.Marshal(map[string]any{"keys": entries})
	if err != nil {
		return &Document{Status: http.StatusInternalServerError, Body: err.Error()} // Created or Expires is no JSON
	}
	return &Document{Body: string(body)}
}

// serve writes a document, with its faults.
func (s *httpsServer) serve(w http.ResponseWriter, r *http.Request, p *published, d *Document) {
	if d.Hang {
		s.pause(r.Context(), maxDelay)
		panic(http.ErrAbortHandler)
	}
	if d.Close {
		panic(http.ErrAbortHandler)
	}
	if d.Delay > 0 && !s.pause(r.Context(), min(d.Delay, maxDelay)) {
		panic(http.ErrAbortHandler)
	}
	header := w.Header()
	header.Set("Cache-Control", fmt.Sprintf("max-age=%d", max(p.domain.TTL, 0)))
	switch d.ContentType {
	case "":
		header.Set("Content-Type", "application/json")
	case "none":
		header["Content-Type"] = nil
	default:
		header.Set("Content-Type", d.ContentType)
	}
	if d.Location != "" {
		header.Set("Location", strings.ReplaceAll(d.Location, "HTTPS_PORT", strconv.Itoa(int(s.address.Port()))))
	}
	for name, value := range d.Headers {
		header.Set(name, value)
	}
	status := d.Status
	if status == 0 {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	if d.DripEvery <= 0 {
		_, _ = w.Write([]byte(d.Body)) // a client that went away is no concern of ours
		return
	}
	s.drip(w, r, d)
}

// drip sends a body byte by byte. A client that will not wait sees the connection break off, and never a document that ends where it gave up.
func (s *httpsServer) drip(w http.ResponseWriter, r *http.Request, d *Document) {
	flush := http.NewResponseController(w)
	for i := range len(d.Body) {
		if _, err := w.Write([]byte{d.Body[i]}); err != nil || flush.Flush() != nil || !s.pause(r.Context(), min(d.DripEvery, maxDelay)) {
			panic(http.ErrAbortHandler)
		}
	}
}

// pause waits, and reports whether the time passed with the client still there.
func (s *httpsServer) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-s.stop:
	}
	return false
}
