package node_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mirnode/node"
)

// writeCertificate writes a self-signed certificate with this serial number.
func writeCertificate(t *testing.T, files node.TLS, serial int64) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "node"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{files.Cert: {Type: "CERTIFICATE", Bytes: der}, files.Key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// HTTPS with HTTP/2; a new certificate is taken up, and a broken one is not.
func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t)
	w.config.TLS = node.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	trusted := x509.NewCertPool()
	trusted.AddCert(writeCertificate(t, w.config.TLS, 1))
	n := w.run(t)
	serial := func() (int64, string) {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, ServerName: "localhost"}, ForceAttemptHTTP2: true}}
		defer client.CloseIdleConnections()
		response, err := client.Get(n.URL() + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.TLS.PeerCertificates[0].SerialNumber.Int64(), response.Proto
	}
	if got, protocol := serial(); got != 1 || protocol != "HTTP/2.0" {
		t.Errorf("certificate %d over %s", got, protocol)
	}
	trusted.AddCert(writeCertificate(t, w.config.TLS, 2))
	n.Reload()
	if got, _ := serial(); got != 2 {
		t.Errorf("certificate %d after the files changed", got)
	}
	if err := os.WriteFile(w.config.TLS.Cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	n.Reload()
	if got, _ := serial(); got != 2 {
		t.Errorf("certificate %d after the file was spoilt", got)
	}
}
