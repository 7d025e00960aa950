package main

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/youmark/pkcs8"

	"mirnode/internal/pemfile"
)

const (
	// defaultIssuerKey is where `mir issuer new` puts an issuer's private key.
	defaultIssuerKey = ".mir/issuer-key.pem"

	plainKeyBlock     = "PRIVATE KEY"           // PKCS #8, RFC 5958
	encryptedKeyBlock = "ENCRYPTED PRIVATE KEY" // the same under a passphrase, PBES2 (RFC 8018)
	ecKeyBlock        = "EC PRIVATE KEY"        // SEC 1, as `openssl ecparam -genkey` writes it
)

// passphraseCost says how a key is encrypted under a passphrase: PBKDF2 with so many rounds of HMAC-SHA-256 as OWASP's password storage sheet
// asks for (2023), and AES-256. Each try costs some tenths of a second.
func passphraseCost() *pkcs8.Opts {
	return &pkcs8.Opts{
		Cipher:  pkcs8.AES256CBC,
		KDFOpts: pkcs8.PBKDF2Opts{SaltSize: 16, IterationCount: 600_000, HMACHash: crypto.SHA256},
	}
}

// writeSigningKey writes a private key to a new file that its owner alone can read, under a passphrase if there is one. It never overwrites a file.
func writeSigningKey(path string, key signingKey, passphrase []byte) error {
	if err := keyFolder(filepath.Dir(path)); err != nil {
		return err
	}
	block, err := signingKeyBlock(key, passphrase)
	if err != nil {
		return err
	}
	err = writeSecret(path, pem.EncodeToMemory(block))
	if errors.Is(err, fs.ErrExist) {
		return withHint(path+" exists, and a key is never overwritten", "Name another file with --out, move this one away, or use it with --"+flagIssuerKey+".")
	}
	return err
}

// signingKeyBlock is a private key as a PEM file has it, under a passphrase if there is one.
func signingKeyBlock(key signingKey, passphrase []byte) (block *pem.Block, err error) {
	block = &pem.Block{Type: plainKeyBlock}
	if len(passphrase) > 0 {
		block.Type = encryptedKeyBlock
		block.Bytes, err = pkcs8.MarshalPrivateKey(key.private, passphrase, passphraseCost())
	} else {
		block.Bytes, err = x509.MarshalPKCS8PrivateKey(key.private)
	}
	return block, err
}

// writeSecret writes a new file that its owner alone can read (0600), and syncs it. The error wraps fs.ErrExist where there is one.
func writeSecret(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path)) // a half-written secret would stand in the way of the next try
	}
	return nil
}

// readSigningKey reads the private key of a PEM file as this program and openssl write them, and asks for the passphrase if it is under one.
func readSigningKey(cmd *cobra.Command, path string) (signingKey, error) {
	data, err := readFile(path, pemfile.MaxKeyBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return signingKey{}, withHint("there is no key at "+path, "`mir issuer new` makes one, or name its file with --"+flagIssuerKey+".")
	} else if err != nil {
		return signingKey{}, err
	}
	if pemfile.ReadableByOthers(path) {
		note(cmd, "warning: %s can be read by others than its owner; mend it with: chmod 600 %s", path, shellQuote(path))
	}
	block, err := keyBlock(path, data)
	if err != nil {
		return signingKey{}, err
	}
	var key any
	switch block.Type {
	case encryptedKeyBlock:
		key, err = decryptKey(cmd, path, block.Bytes)
	case ecKeyBlock:
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		if _, told := errors.AsType[*fault](err); told || errors.Is(err, errInterrupted) {
			return signingKey{}, err
		}
		return signingKey{}, fmt.Errorf("%s: %w", path, err)
	}
	signing, err := signingKeyOf(key)
	if err != nil {
		return signingKey{}, fmt.Errorf("%s %w", path, err)
	}
	return signing, nil
}

// keyBlock finds the private key among the blocks of a PEM file.
func keyBlock(path string, data []byte) (*pem.Block, error) {
	seen := ""
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch block.Type {
		case plainKeyBlock, encryptedKeyBlock:
			return block, nil
		case ecKeyBlock:
			if block.Headers["DEK-Info"] != "" {
				return nil, withHint(path+" is encrypted in a form of long ago", "Bring it into today's: openssl pkcs8 -topk8 -in "+shellQuote(path)+" -out NEW")
			}
			return block, nil
		}
		seen = block.Type
	}
	if seen != "" {
		return nil, fmt.Errorf("%s holds a %q, and signing needs a %q", path, seen, plainKeyBlock)
	}
	return nil, fmt.Errorf("%s is no PEM file: a key file starts with -----BEGIN %s-----", path, plainKeyBlock)
}

// decryptKey opens a key under a passphrase.
func decryptKey(cmd *cobra.Command, path string, der []byte) (any, error) {
	passphrase, err := givenPassphrase(cmd, "Passphrase of "+path)
	if err != nil {
		return nil, err
	}
	defer clear(passphrase)
	key, err := pkcs8.ParsePKCS8PrivateKey(der, passphrase)
	if err == nil {
		return key, nil
	}
	if bytes.Contains([]byte(err.Error()), []byte("only PBES2")) || bytes.Contains([]byte(err.Error()), []byte("unsupported")) {
		return nil, withHint(fmt.Sprintf("%s is encrypted in a way that this program does not read: %v", path, err),
			"Bring it into today's usual one: openssl pkcs8 -topk8 -v2 aes-256-cbc -in "+shellQuote(path)+" -out NEW")
	}
	return nil, withHint("the passphrase does not open "+path, "Try again; --"+flagPassphraseFile+" takes the first line of its file as it is.")
}
