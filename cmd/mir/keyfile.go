package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

const (
	// defaultKeyFile is where `mir key new` puts a key and `mir claim sign` looks for one.
	defaultKeyFile = ".mir/key.pem"
	// maxKeyFileBytes bounds a PEM file with one key.
	maxKeyFileBytes = 64 << 10

	privateKeyType = "PRIVATE KEY" // PKCS #8 (RFC 5958, RFC 8410), as openssl genpkey writes it
	publicKeyType  = "PUBLIC KEY"  // SubjectPublicKeyInfo, as openssl pkey -pubout writes it
)

// writeKeyFile writes a private key to a new file that only its owner can read. It never overwrites one.
func writeKeyFile(path string, key ed25519.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := keyFolder(filepath.Dir(path)); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists, and a key is never overwritten: name another file with --out, or move this one away", path)
	}
	if err != nil {
		return err
	}
	err = pem.Encode(f, &pem.Block{Type: privateKeyType, Bytes: der})
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path)) // a half-written key would stand in the way of the next try
	}
	return nil
}

// keyFolder makes the folder of the default key file. Another one that is not there is taken for a slip.
func keyFolder(dir string) error {
	if dir == filepath.Dir(defaultKeyFile) {
		return os.MkdirAll(dir, 0o700)
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return withHint(fmt.Sprintf("there is no folder %s", dir), "Make it with: mkdir -p "+shellQuote(dir))
	}
	return nil // what else is wrong with it, the writing says
}

// readPrivateKey reads the key of a PEM file that `mir key new` or `openssl genpkey -algorithm ed25519` made.
func readPrivateKey(cmd *cobra.Command, path string) (ed25519.PrivateKey, error) {
	key, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds a public key, and signing needs the private one", path)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		note(cmd, "warning: %s can be read by others than its owner; mend it with: chmod 600 %s", path, path)
	}
	return private, nil
}

// readPublicKey reads the public key out of the PEM file of a private or a public key.
func readPublicKey(path string) (ed25519.PublicKey, error) {
	key, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	if private, ok := key.(ed25519.PrivateKey); ok {
		key = private.Public()
	}
	public, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%s holds no Ed25519 key", path)
	}
	return public, nil
}

// readKeyFile returns an ed25519.PrivateKey or an ed25519.PublicKey.
func readKeyFile(path string) (any, error) {
	data, err := readFile(path, maxKeyFileBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no key at %s: make one with `mir key new`, or name its file with --key", path)
	}
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
