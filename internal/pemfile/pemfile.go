// Package pemfile reads and writes the PEM files of the project: Ed25519 keys as `mir key new` and `openssl genpkey -algorithm ed25519` make them
// (PKCS #8, RFC 5958 and RFC 8410; public keys as SubjectPublicKeyInfo), and the certificates of authorities.
//
// Its errors are for the person who named the file: they say what is wrong with it and what to do. All functions may be called from several goroutines.
package pemfile

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

const (
	// MaxKeyBytes bounds a file with one key.
	MaxKeyBytes = 64 << 10
	// MaxCertificateBytes bounds a file of certificates: several times a whole system's collection.
	MaxCertificateBytes = 4 << 20

	privateKeyType = "PRIVATE KEY"
	publicKeyType  = "PUBLIC KEY"
)

// WriteKey writes a private key to a new file that its owner alone can read (0600), and syncs it. It never overwrites a file: the error then wraps fs.ErrExist.
// A key that could not be written whole is removed again.
func WriteKey(path string, key ed25519.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = pem.Encode(f, &pem.Block{Type: privateKeyType, Bytes: der})
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path)) // a half-written key would stand in the way of the next try
	}
	return nil
}

// ReadPrivateKey reads the private key of a PEM file. The error wraps fs.ErrNotExist where there is no such file.
func ReadPrivateKey(path string) (ed25519.PrivateKey, error) {
	key, err := ReadKey(path)
	if err != nil {
		return nil, err
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds a public key, and signing needs the private one", path)
	}
	return private, nil
}

// ReadPublicKey reads the public key out of the PEM file of a private or a public key. The error wraps fs.ErrNotExist where there is no such file.
func ReadPublicKey(path string) (ed25519.PublicKey, error) {
	key, err := ReadKey(path)
	if err != nil {
		return nil, err
	}
	switch k := key.(type) {
	case ed25519.PrivateKey:
		return k.Public().(ed25519.PublicKey), nil
	default:
		return k.(ed25519.PublicKey), nil
	}
}

// ReadKey reads an ed25519.PrivateKey or an ed25519.PublicKey. The error wraps fs.ErrNotExist where there is no such file.
func ReadKey(path string) (any, error) {
	data, err := read(path, MaxKeyBytes)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s is no PEM file: a key file starts with -----BEGIN %s-----", path, privateKeyType)
	}
	var key any
	switch block.Type {
	case privateKeyType:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case publicKeyType:
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, fmt.Errorf("%s is encrypted: decrypt it for the time of use with `openssl pkey -in %s -out FILE`", path, path)
	default:
		return nil, fmt.Errorf("%s holds a %q, not a %q", path, block.Type, privateKeyType)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	switch key.(type) {
	case ed25519.PrivateKey, ed25519.PublicKey:
		return key, nil
	}
	return nil, fmt.Errorf("%s holds a %T, and the protocol signs with Ed25519 only", path, key)
}

// ReadableByOthers tells that others than its owner can read the file, as a private key's should not be.
func ReadableByOthers(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o077 != 0
}

// ReadCertificates reads all certificates of a PEM file, at least one; other blocks are passed over. An empty path gives none, and no error.
func ReadCertificates(path string) ([]*x509.Certificate, error) {
	if path == "" {
		return nil, nil
	}
	data, err := read(path, MaxCertificateBytes)
	if err != nil {
		return nil, err
	}
	var certificates []*x509.Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", path)
	}
	return certificates, nil
}

func read(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // a file that was only read
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("it is a folder")}
	}
	var data bytes.Buffer
	if _, err := io.Copy(&data, io.LimitReader(f, most+1)); err != nil {
		return nil, err
	}
	if int64(data.Len()) > most {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, most)
	}
	return data.Bytes(), nil
}
