package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/netutil"

	"mirnode/api"
)

// Bounds of every connection. The API sets shorter times for bodies, and longer ones for batches.
const (
	headerTime     = 5 * time.Second  // for a request's head
	readTime       = 25 * time.Second // for a whole request; longer than the API's deadline, since its passing ends the request, and shorter than writeTime
	writeTime      = 30 * time.Second // from a request's head to the end of its answer
	idleTime       = 30 * time.Second // between two requests
	profileTime    = 10 * time.Minute // for the operator's answers: profiles take as long as they are asked to
	maxHeaderBytes = 16 << 10
	maxStreams     = 100 // requests at one time on one HTTP/2 connection

	// operatorConnections bounds the connections on the operator's listener.
	operatorConnections = 64
)

// server is one listener with what answers on it.
type server struct {
	http     *http.Server
	listener net.Listener
	tls      bool
}

func (s *server) serve() error {
	if s.tls {
		return s.http.ServeTLS(s.listener, "", "")
	}
	return s.http.Serve(s.listener)
}

// shutdown waits for running requests until ctx ends; then it cuts them off, and says so.
func (s *server) shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close() // what it could not close is closed with the process
	}
	return err
}

// listen binds both listeners.
func (n *Node) listen(ctx context.Context, handlers *api.API) error {
	proxies, err := prefixes(n.config.TrustedProxies)
	if err != nil {
		return fmt.Errorf("trusted_proxies: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", n.config.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	// What one client has too many of is closed before it takes one of all the places.
	listener = limitPerClient(listener, n.config.Limits.ConnectionsPerClient, proxies)
	n.public = &server{http: newHTTPServer(handlers.Handler(), n.logger), listener: netutil.LimitListener(listener, n.config.Limits.Connections)}
	if n.tls != nil {
		n.public.tls, n.public.http.TLSConfig = true, n.tls.config()
	}
	if n.config.OperatorListen == "" {
		return nil
	}
	if listener, err = listenOperator(ctx, n.config.OperatorListen); err != nil {
		return fmt.Errorf("operator_listen: %w", err)
	}
	n.operator = &server{http: newHTTPServer(handlers.Operator(), n.logger), listener: netutil.LimitListener(listener, operatorConnections)}
	n.operator.http.WriteTimeout = profileTime
	return nil
}

func newHTTPServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, SendPingTimeout: idleTime, PingTimeout: headerTime, WriteByteTimeout: writeTime},
		// What net/http has to say is about clients that break off: nothing that an operator could mend.
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}

// listenOperator binds a TCP address, or a unix socket that only this user may connect to.
func listenOperator(ctx context.Context, where string) (net.Listener, error) {
	path, ok := strings.CutPrefix(where, "unix:")
	if !ok {
		return new(net.ListenConfig).Listen(ctx, "tcp", where)
	}
	if err := removeStaleSocket(ctx, path); err != nil {
		return nil, err
	}
	mask := syscall.Umask(0o177) // so that there is no moment at which others may connect
	defer syscall.Umask(mask)
	return new(net.ListenConfig).Listen(ctx, "unix", path)
}

// removeStaleSocket removes a socket that a process which died has left behind; one that somebody listens on stays, and so does anything else.
func removeStaleSocket(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is there and is no socket: name another path", path)
	}
	if connection, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", path); err == nil {
		_ = connection.Close()
		return fmt.Errorf("another process listens on %s", path)
	}
	return os.Remove(path)
}
