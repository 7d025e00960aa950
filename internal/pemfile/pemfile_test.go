package pemfile_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mirnode/internal/pemfile"
)

func TestKeyComesBackAndIsNeverOverwritten(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := pemfile.WriteKey(path, key); err != nil {
		t.Fatal(err)
	}
	if pemfile.ReadableByOthers(path) {
		t.Error("others can read the private key")
	}
	back, err := pemfile.ReadPrivateKey(path)
	if err != nil || !back.Equal(key) {
		t.Fatalf("read %v, %v", back, err)
	}
	public, err := pemfile.ReadPublicKey(path)
	if err != nil || !public.Equal(key.Public()) {
		t.Fatalf("read %v, %v", public, err)
	}
	if err := pemfile.WriteKey(path, key); !errors.Is(err, fs.ErrExist) {
		t.Errorf("writing over a key: %v", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if !pemfile.ReadableByOthers(path) {
		t.Error("mode 644 passes for private")
	}
}

func TestPublicKeyFile(t *testing.T) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	if got, err := pemfile.ReadPublicKey(path); err != nil || !got.Equal(public) {
		t.Errorf("read %v, %v", got, err)
	}
	if _, err := pemfile.ReadPrivateKey(path); err == nil || !strings.Contains(err.Error(), "signing needs the private one") {
		t.Errorf("a public key passes for a private one: %v", err)
	}
}

func TestWhatIsNoKey(t *testing.T) {
	for _, test := range []struct{ name, content, want string }{
		{"text", "hello", "is no PEM file"},
		{"encrypted", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "openssl pkey"},
		{"another block", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", `holds a "CERTIFICATE"`},
		{"broken", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "asn1"},
		{"too large", strings.Repeat("x", pemfile.MaxKeyBytes+1), "larger than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := pemfile.ReadKey(write(t, test.content)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if _, err := pemfile.ReadKey(t.TempDir()); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := pemfile.ReadKey(filepath.Join(t.TempDir(), "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestCertificates(t *testing.T) {
	if list, err := pemfile.ReadCertificates(""); list != nil || err != nil {
		t.Errorf("no path: %v, %v", list, err)
	}
	if _, err := pemfile.ReadCertificates(write(t, "nothing")); err == nil || !strings.Contains(err.Error(), "no certificate in PEM form") {
		t.Errorf("no certificate: %v", err)
	}
	if _, err := pemfile.ReadCertificates(write(t, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")); err == nil {
		t.Error("a broken certificate passes")
	}
}

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
