package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"sync"
	"time"

	"github.com/google/renameio/v2"
	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	authorityLife    = 90 * 24 * time.Hour
	certificateLife  = 24 * time.Hour
	certificateCache = 1024 // certificates kept; making one costs well under a millisecond
	clockSkew        = time.Hour
)

// authority is a certificate authority. A cluster's key never leaves its process: one that is started again makes another, and writes its
// certificate to the same file. See keptAuthority for one that outlives its process. Safe for concurrent use.
type authority struct {
	now         func() time.Time
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate

	mu     sync.Mutex
	issued *lru.Cache[string, *tls.Certificate] // by host; guarded by mu, so that a host's certificate is made once
}

func newAuthority(now func() time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "mir cluster CA " + hex.EncodeToString(serial.Bytes()[:4])},
		NotBefore:             now().Add(-clockSkew),
		NotAfter:              now().Add(authorityLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return authorityOf(key, certificate, now)
}

func authorityOf(key *ecdsa.PrivateKey, certificate *x509.Certificate, now func() time.Time) (*authority, error) {
	issued, err := lru.New[string, *tls.Certificate](certificateCache)
	if err != nil {
		return nil, err
	}
	return &authority{now: now, key: key, certificate: certificate, issued: issued}, nil
}

// keptAuthority is the authority whose key and certificate lie in the two files, or a new one, whose key is written to keyFile. One whose
// certificate has less than half of its life before it makes place for a new one.
func keptAuthority(keyFile, certificateFile string, now func() time.Time) (*authority, error) {
	pair, err := tls.LoadX509KeyPair(certificateFile, keyFile)
	if err == nil && now().Before(pair.Leaf.NotAfter.Add(-authorityLife/2)) {
		if key, ok := pair.PrivateKey.(*ecdsa.PrivateKey); ok {
			return authorityOf(key, pair.Leaf, now)
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	a, err := newAuthority(now)
	if err != nil {
		return nil, err
	}
	data, err := keyPEM(a.key)
	if err == nil {
		err = renameio.WriteFile(keyFile, data, 0o600)
	}
	return a, err
}

// keyPEM writes a private key as PKCS #8.
func keyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// serialNumber is 127 random bits with the highest set: positive, and of a fixed length (RFC 5280, 4.1.2.2).
func serialNumber() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, err
	}
	return serial.SetBit(serial, 126, 1), nil
}

// PEM is the authority's certificate, for --ca-file and curl --cacert.
func (a *authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// certificateFor returns a certificate for host, made on first use and again when half of its life is over.
func (a *authority) certificateFor(host string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if have, ok := a.issued.Get(host); ok && a.now().Before(have.Leaf.NotAfter.Add(-certificateLife/2)) {
		return have, nil
	}
	made, err := a.issue(host)
	if err != nil {
		return nil, fmt.Errorf("issue a certificate for %s: %w", host, err)
	}
	a.issued.Add(host, made)
	return made, nil
}

func (a *authority) issue(host string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		DNSNames:     []string{host}, // and no common name: it holds 64 bytes at most, and nobody reads it
		NotBefore:    a.now().Add(-clockSkew),
		NotAfter:     a.now().Add(certificateLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}
