package names

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"
)

// Lives of certificates. A run takes minutes; a peer that is kept running for the suite lives some days.
const (
	authorityLife   = 30 * 24 * time.Hour
	certificateLife = 30 * 24 * time.Hour
	clockSkew       = time.Hour
	maxCertificates = 8192 // kept; where there are more, all are forgotten and made again
)

// authority is a certificate authority, whose key never leaves the process. Safe for concurrent use.
type authority struct {
	now         time.Time // when it was made; certificates that have expired had by then
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate

	mu     sync.Mutex
	issued map[string]*tls.Certificate // by kind and host
}

// newAuthority makes an authority for the names below a suffix, and below .test, which is nobody's (RFC 6761): who trusts it and forgets to stop risks no other name.
func newAuthority(now time.Time, suffix string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial := serialNumber()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "mir conformance CA " + hex.EncodeToString(serial.Bytes()[:4])},
		NotBefore: now.Add(-clockSkew), NotAfter: now.Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{suffix, "test"},
		ExcludedIPRanges: []*net.IPNet{{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, {IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &authority{now: now, key: key, certificate: certificate, issued: map[string]*tls.Certificate{}}, err
}

// serialNumber is 127 random bits with the highest set: positive, and of a fixed length (RFC 5280, 4.1.2.2).
func serialNumber() *big.Int {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// certificateFor gives the certificate of a kind (see Domain.Certificate) for a host, made on first use.
func (a *authority) certificateFor(kind, host string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name := kind + " " + host
	if have := a.issued[name]; have != nil {
		return have, nil
	}
	made, err := a.issue(kind, host)
	if err != nil {
		return nil, fmt.Errorf("issue a certificate for %s: %w", host, err)
	}
	if len(a.issued) >= maxCertificates {
		clear(a.issued)
	}
	a.issued[name] = made
	return made, nil
}

func (a *authority) issue(kind, host string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serialNumber(), DNSNames: []string{host}, // and no common name: it holds 64 bytes at most, and nobody reads it
		NotBefore: a.now.Add(-clockSkew), NotAfter: a.now.Add(certificateLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	signer, signerKey := a.certificate, a.key
	switch kind {
	case "self-signed":
		signer, signerKey = template, key
	case "other-name":
		template.DNSNames = []string{"other." + host}
	case "expired":
		template.NotBefore, template.NotAfter = a.now.Add(-2*certificateLife), a.now.Add(-clockSkew)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer, key.Public(), signerKey)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}
