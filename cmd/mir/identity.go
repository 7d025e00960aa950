package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"mirnode/internal/pemfile"
	"mirnode/internal/strictjson"
)

const (
	flagIdentity   = "identity"
	envIdentity    = "MIR_IDENTITY"
	flagIssuer     = "issuer"
	flagIssuerKey  = "key"
	flagAPIKeyFile = "api-key-file" //nolint:gosec // the name of a flag
	envAPIKey      = "MIR_API_KEY"  //nolint:gosec // the name of a variable

	// defaultIdentity is where `mir issuer new` writes who the issuer is.
	defaultIdentity = ".mir/issuer.json"
	// defaultAPIKey is where an API key is put that came by no file.
	defaultAPIKey = ".mir/api-key" //nolint:gosec // the name of a file

	maxIdentityBytes = 16 << 10
	// maxAPIKeyBytes bounds an API key: one of ours has less than 100.
	maxAPIKeyBytes = 512
)

// identity is the content of issuer.json: who signs here, with which files, and where its home is. Paths are relative to the file's folder. No secret stands in it.
type identity struct {
	Node       string `json:"node"` // URL of the issuer's home
	IssuerID   string `json:"issuerId"`
	KeyFile    string `json:"keyFile"`
	APIKeyFile string `json:"apiKeyFile"`

	path string // of the file
	home string // Node as the file has it: the API key of the file goes there alone
}

// addIdentityFlag gives a command the flag that says which issuer.json counts.
func addIdentityFlag(cmd *cobra.Command) {
	cmd.Flags().String(flagIdentity, defaultIdentity, "file that says who the issuer is, as `mir issuer new` writes it (env "+envIdentity+")")
}

// addIssuerFlags gives a command that acts for an issuer the flags that readIdentity and the functions of *identity read.
func addIssuerFlags(cmd *cobra.Command) {
	addIdentityFlag(cmd)
	cmd.Flags().String(flagNode, "", "URL of the issuer's home node (default: as in the identity; env "+envNode+")")
	cmd.Flags().String(flagIssuer, "", "ID of the issuer, in the place of the identity's")
	cmd.Flags().String(flagAPIKeyFile, "", "file with the issuer's API key, in the place of the identity's (env "+envAPIKey+": the key itself)")
	addCAFlag(cmd)
}

// addSigningFlags gives a command that signs the flags of the key.
func addSigningFlags(cmd *cobra.Command) {
	cmd.Flags().String(flagIssuerKey, "", "PEM file of the private key, in the place of the identity's")
	addPassphraseFileFlag(cmd)
}

// readIdentity reads who the issuer is: issuer.json, and over it the flags. Where neither says who, that is misuse.
func readIdentity(cmd *cobra.Command) (*identity, error) {
	id, err := identityIfAny(cmd)
	if err != nil {
		return nil, err
	}
	if id.IssuerID == "" {
		return nil, withHint(fmt.Sprintf("which issuer? There is no %s, and no --%s", id.path, flagIssuer),
			"`mir issuer new` sets an issuer up here: the operator of your node gives you its ID and an API key (mir admin issuer new).")
	}
	return id, nil
}

// identityIfAny is readIdentity where an identity need not be: its issuer may be "".
func identityIfAny(cmd *cobra.Command) (*identity, error) {
	id := &identity{path: setting(cmd, flagIdentity, envIdentity)}
	data, err := readFile(id.path, maxIdentityBytes)
	named := cmd.Flags().Changed(flagIdentity) || os.Getenv(envIdentity) != ""
	switch {
	case errors.Is(err, fs.ErrNotExist) && !named: // all may be said by flags
	case err != nil:
		return nil, err
	default:
		if err := strictjson.Unmarshal(data, id); err != nil || id.Node == "" || id.IssuerID == "" {
			return nil, withHint(fmt.Sprintf("%s says not who the issuer is: %s", id.path, orElse(err, `it needs "node" and "issuerId"`)), "`mir issuer new` writes it.")
		}
		id.home = id.Node
	}
	for flag, field := range map[string]*string{flagNode: &id.Node, flagIssuer: &id.IssuerID} {
		if f := cmd.Flags().Lookup(flag); f != nil && f.Changed {
			*field = f.Value.String()
		}
	}
	if id.Node == "" {
		id.Node = setting(cmd, flagNode, envNode)
	}
	if id.Node == "" {
		id.Node = defaultNode
	}
	return id, nil
}

func orElse(err error, text string) string {
	if err != nil {
		return err.Error()
	}
	return text
}

// write writes issuer.json, in one step.
func (id *identity) write() error {
	data, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return err
	}
	return renameio.WriteFile(id.path, append(data, '\n'), 0o600)
}

// folder is where the issuer's files are.
func (id *identity) folder() string { return filepath.Dir(id.path) }

// file is a path of issuer.json, from here.
func (id *identity) file(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(id.folder(), path)
}

// recorded is a path from here as issuer.json has it: relative if it is in the folder or below, else absolute.
func (id *identity) recorded(path string) (string, error) {
	folder, err := filepath.Abs(id.folder())
	if err != nil {
		return "", err
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if relative, err := filepath.Rel(folder, path); err == nil && filepath.IsLocal(relative) {
		return relative, nil
	}
	return path, nil
}

// keyPath is the file of the private key.
func (id *identity) keyPath(cmd *cobra.Command) string {
	if f := cmd.Flags().Lookup(flagIssuerKey); f != nil && f.Changed {
		return f.Value.String()
	}
	if id.KeyFile != "" {
		return id.file(id.KeyFile)
	}
	return defaultIssuerKey
}

// key reads the private key.
func (id *identity) key(cmd *cobra.Command) (signingKey, error) {
	return readSigningKey(cmd, id.keyPath(cmd))
}

// apiKeyPath is the file of the API key; "" where it is in the environment, or nowhere.
func (id *identity) apiKeyPath(cmd *cobra.Command) string {
	if f := cmd.Flags().Lookup(flagAPIKeyFile); f != nil && f.Changed {
		return f.Value.String()
	}
	if os.Getenv(envAPIKey) != "" {
		return ""
	}
	return id.file(id.APIKeyFile)
}

// apiKey reads the API key; "" where none is configured.
func (id *identity) apiKey(cmd *cobra.Command) (string, error) {
	path := id.apiKeyPath(cmd)
	if path == "" {
		return checkAPIKey("env "+envAPIKey, os.Getenv(envAPIKey))
	}
	data, err := readInput(cmd, path, maxAPIKeyBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return "", withHint("there is no API key at "+path, "Name its file with --"+flagAPIKeyFile+", or set "+envAPIKey+". A lost key is not shown again: the node's operator makes a new one.")
	} else if err != nil {
		return "", err
	}
	if path != stdinName && pemfile.ReadableByOthers(path) {
		note(cmd, "warning: %s can be read by others than its owner; mend it with: chmod 600 %s", path, shellQuote(path))
	}
	key := string(bytes.TrimSpace(data))
	if key == "" {
		return "", fmt.Errorf("%s holds no API key: it is empty", path)
	}
	return checkAPIKey(path, key)
}

// checkAPIKey refuses what cannot stand in a header. It is never printed: it may be a key with a slip in it.
func checkAPIKey(from, key string) (string, error) {
	if strings.IndexFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		return "", withHint(from+" holds no API key: it has spaces, line breaks or other signs that no key has", "An API key is one word that starts with mir_.")
	}
	return key, nil
}

// client speaks to the node that is asked, with the API key where that is its own: the one of issuer.json goes to the home that issuer.json names, and one that is
// given in so many words to the node that is named beside it.
func (id *identity) client(cmd *cobra.Command) (*nodeClient, error) {
	client, err := newClientOf(cmd, id.Node)
	if err != nil || !id.owns(cmd, client) {
		return client, err
	}
	client.apiKey, err = id.apiKey(cmd)
	return client, err
}

// owns tells whether the API key may be sent to the node.
func (id *identity) owns(cmd *cobra.Command, client *nodeClient) bool {
	given := cmd.Flags().Lookup(flagAPIKeyFile)
	if given != nil && given.Changed || id.home == "" && os.Getenv(envAPIKey) != "" {
		return true
	}
	home, err := url.Parse(id.home)
	return err == nil && home.Scheme == client.base.Scheme && strings.EqualFold(home.Host, client.base.Host)
}

// writer is client for what needs an API key. A node that is not the home is asked all the same: it names the home.
func (id *identity) writer(cmd *cobra.Command) (*nodeClient, error) {
	client, err := id.client(cmd)
	if err != nil {
		return nil, err
	}
	if client.apiKey == "" && id.home != "" && !id.owns(cmd, client) {
		note(cmd, "warning: the API key is that of %s, and is not sent to %s; --%s sends one", id.home, id.Node, flagAPIKeyFile)
		return client, nil
	}
	if client.apiKey == "" {
		err = withHint("this needs the issuer's API key", "Name its file with --"+flagAPIKeyFile+", or set "+envAPIKey+". The node's operator makes one: mir admin issuer api-key new.")
	}
	return client, err
}
