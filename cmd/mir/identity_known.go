package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"mirnode/internal/strictjson"
)

// An issuer.json is a file like any other: one that came with somebody else's folder names somebody else's node, and could name the files of one's own keys. So one that merely lies where
// the program looks counts only if it was written on this machine: `mir issuer new` notes its place and its hash in the user's own configuration folder.

// knownIdentity is such a note.
type knownIdentity struct {
	Path   string `json:"path"`   // absolute, without links
	SHA256 string `json:"sha256"` // of issuer.json, in hex
}

// maxKnownBytes bounds a note: a path and a hash.
const maxKnownBytes = 16 << 10

// knownAt gives where the note about an identity is, and what it must say of one with this content.
func knownAt(path string, content []byte) (file string, known knownIdentity, err error) {
	base, err := os.UserConfigDir()
	if err != nil {
		return "", known, err
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err == nil {
		folder, err = filepath.EvalSymlinks(folder)
	}
	if err != nil {
		return "", known, err
	}
	sum := sha256.Sum256(content)
	known = knownIdentity{filepath.Join(folder, filepath.Base(path)), hex.EncodeToString(sum[:])}
	name := sha256.Sum256([]byte(known.Path))
	return filepath.Join(base, "mir", "identities", hex.EncodeToString(name[:])+".json"), known, nil
}

// isKnown tells whether the identity was written here as it is. One that is a link is not known: its files would be looked for beside the link.
func isKnown(path string, content []byte) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	file, want, err := knownAt(path, content)
	if err != nil {
		return false
	}
	data, err := readFile(file, maxKnownBytes)
	var noted knownIdentity
	return err == nil && strictjson.Unmarshal(data, &noted) == nil && noted == want
}

// makeKnown notes that the identity was written here.
func makeKnown(path string, content []byte) error {
	file, known, err := knownAt(path, content)
	if err != nil {
		return err
	}
	data, err := strictjson.Marshal(known)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return renameio.WriteFile(file, append(data, '\n'), 0o600)
}

// write writes issuer.json, in one step. One that is known stays so.
func (id *identity) write(cmd *cobra.Command) error {
	stored := *id
	if id.home != "" { // a flag that says otherwise counts this once
		stored.Node, stored.IssuerID = id.home, id.issuer
	}
	data, err := json.MarshalIndent(stored, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if err := renameio.WriteFile(id.path, data, 0o600); err != nil || !id.known {
		return err
	}
	if err := makeKnown(id.path, data); err != nil {
		note(cmd, "warning: it cannot be noted that %s is your own (%v): from now on name it with --%s or %s", id.path, err, flagIdentity, envIdentity)
	}
	return nil
}

// file is a path of issuer.json, from here. An identity that was not written here has its files in its own folder: it must not reach for others.
func (id *identity) file(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	from := path
	if !filepath.IsAbs(path) {
		from = filepath.Join(id.folder(), path)
	}
	if id.known || id.inFolder(path) {
		return from, nil
	}
	return "", withHint(id.path+" names a file outside its folder, "+path+", and was not written on this machine by `mir issuer new`",
		"If that is right, name the files yourself: --"+flagAPIKeyFile+" and --"+flagIssuerKey+".")
}

// inFolder tells whether a path of issuer.json stays in its folder, links followed.
func (id *identity) inFolder(path string) bool {
	if !filepath.IsLocal(path) {
		return false
	}
	folder, err := filepath.EvalSymlinks(id.folder())
	if err != nil {
		return false
	}
	real, err := filepath.EvalSymlinks(filepath.Join(folder, path))
	if errors.Is(err, fs.ErrNotExist) {
		return true // nothing is there to be read
	}
	if err != nil {
		return false
	}
	relative, err := filepath.Rel(folder, real)
	return err == nil && filepath.IsLocal(relative)
}

// apiKeyPlace is where the API key for a node is; the zero value: there is none that this node may be told.
type apiKeyPlace struct {
	file string // "" where it is in the environment
	env  bool
}

// apiKeyFor finds the API key for a node. The one of issuer.json goes to the home that issuer.json names; the one of the environment to the node that the environment names beside it, else to that of
// --node; the one of a flag to the node that is asked.
func (id *identity) apiKeyFor(cmd *cobra.Command, node *url.URL) (apiKeyPlace, error) {
	if f := cmd.Flags().Lookup(flagAPIKeyFile); f != nil && f.Changed {
		return apiKeyPlace{file: f.Value.String()}, nil
	}
	beside := os.Getenv(envNode)
	if f := cmd.Flags().Lookup(flagNode); beside == "" && f != nil && f.Changed {
		beside = f.Value.String()
	}
	if os.Getenv(envAPIKey) != "" && sameNode(beside, node) {
		return apiKeyPlace{env: true}, nil
	}
	if !sameNode(id.home, node) {
		return apiKeyPlace{}, nil
	}
	file, err := id.file(id.APIKeyFile)
	return apiKeyPlace{file: file}, err
}

// sameNode tells whether a URL is that of the node.
func sameNode(text string, node *url.URL) bool {
	u, err := url.Parse(text)
	return text != "" && err == nil && u.Scheme == node.Scheme && strings.EqualFold(u.Host, node.Host)
}

// read reads the API key; "" where there is none.
func (p apiKeyPlace) read(cmd *cobra.Command) (string, error) {
	if p.env {
		return checkAPIKey("env "+envAPIKey, os.Getenv(envAPIKey))
	}
	if p.file == "" {
		return "", nil
	}
	return readAPIKey(cmd, p.file)
}
