package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// certificateCheck is how often the certificate's files are looked at.
const certificateCheck = time.Minute

// certificates hands out the present certificate, and reads it again when its files change. It is safe for concurrent use.
type certificates struct {
	certFile, keyFile string
	logger            *slog.Logger
	current           atomic.Pointer[loadedCertificate]
}

type loadedCertificate struct {
	pair    tls.Certificate
	changed [2]time.Time // when the two files were written
}

func loadCertificates(certFile, keyFile string, logger *slog.Logger) (*certificates, error) {
	c := &certificates{certFile: certFile, keyFile: keyFile, logger: logger}
	loaded, err := c.load()
	if err != nil {
		return nil, err
	}
	c.current.Store(loaded)
	return c, nil
}

func (c *certificates) load() (*loadedCertificate, error) {
	changed, err := c.changed() // before the files are read: a change in between is seen the next time
	if err != nil {
		return nil, err
	}
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return nil, fmt.Errorf("tls.cert: %w", err)
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return nil, fmt.Errorf("tls.key: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("tls.cert, tls.key: %s", strings.TrimPrefix(err.Error(), "tls: "))
	}
	return &loadedCertificate{pair: pair, changed: changed}, nil
}

func (c *certificates) changed() (times [2]time.Time, err error) {
	settings := [2]string{"tls.cert", "tls.key"}
	for i, path := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(path)
		if err != nil {
			return times, fmt.Errorf("%s: %w", settings[i], err)
		}
		times[i] = info.ModTime()
	}
	return times, nil
}

// reload reads the files; where that fails the present certificate stays.
func (c *certificates) reload() {
	loaded, err := c.load()
	if err != nil {
		c.logger.Error("the certificate cannot be read, the one before stays", "error", err)
		return
	}
	c.current.Store(loaded)
	c.logger.Info("certificate loaded", "names", loaded.pair.Leaf.DNSNames, "until", loaded.pair.Leaf.NotAfter)
}

// watch reloads when the files change, until ctx ends.
func (c *certificates) watch(ctx context.Context) {
	tick := time.NewTicker(certificateCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if changed, err := c.changed(); err == nil && changed != c.current.Load().changed {
				c.reload()
			}
		}
	}
}

func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return &c.current.Load().pair, nil
		},
	}
}
