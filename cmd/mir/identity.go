package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

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

	path   string // of the file
	home   string // Node as the file has it: the API key of the file goes there alone. "" where the file is not there, or does not count
	issuer string // IssuerID as the file has it; "" as home
	known  bool   // written on this machine by this program
	alien  bool   // there is a file that does not count: nobody named it, and it was not written here
}

// addIdentityFlag gives a command the flag that says which issuer.json counts.
func addIdentityFlag(cmd *cobra.Command) {
	cmd.Flags().String(flagIdentity, defaultIdentity, "file that says who the issuer is, as mir issuer new writes it (env "+envIdentity+"); one that is\n"+
		"not named counts only as mir issuer new wrote it on this machine")
}

// apiKeyUsage is the help of the flag for the API key.
const apiKeyUsage = "file with the issuer's API key, in the place of the identity's (env " + envAPIKey + ": the key itself; it goes to the\n" +
	"node of " + envNode + ", or of --node, and to no other)"

// addIssuerFlags gives a command that acts for an issuer the flags that readIdentity and the functions of *identity read.
func addIssuerFlags(cmd *cobra.Command) {
	addIdentityFlag(cmd)
	cmd.Flags().String(flagNode, "", "URL of the issuer's home node, before that of the identity; where neither is there, env "+envNode+" counts")
	cmd.Flags().String(flagIssuer, "", "ID of the issuer, in the place of the identity's")
	cmd.Flags().String(flagAPIKeyFile, "", apiKeyUsage)
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
	switch {
	case id.IssuerID != "":
		return id, nil
	case id.alien:
		return nil, withHint(fmt.Sprintf("which issuer? There is a %s, but it was not written on this machine by `mir issuer new`", id.path),
			fmt.Sprintf("If it is yours, and not what came with somebody's folder, name it: --%s %s, or %s.", flagIdentity, shellQuote(id.path), envIdentity))
	}
	return nil, withHint(fmt.Sprintf("which issuer? There is no %s, and no --%s", id.path, flagIssuer),
		"`mir issuer new` sets an issuer up here: the operator of your node gives you its ID and an API key (mir admin issuer new).")
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
	case !named && !isKnown(id.path, data):
		id.alien = true
	default:
		id.known = isKnown(id.path, data)
		if err := strictjson.Unmarshal(data, id); err != nil || id.Node == "" || id.IssuerID == "" {
			return nil, withHint(fmt.Sprintf("%s says not who the issuer is: %s", id.path, orElse(err, `it needs "node" and "issuerId"`)), "`mir issuer new` writes it.")
		}
		id.home, id.issuer = id.Node, id.IssuerID
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

// folder is where the issuer's files are.
func (id *identity) folder() string { return filepath.Dir(id.path) }

// recorded is a path from here as issuer.json has it: relative to its folder, so that both can move together. What is outside a folder that is a link is absolute: from there ".." is
// another folder.
func (id *identity) recorded(path string) (string, error) {
	folder, err := filepath.Abs(id.folder())
	if err != nil {
		return "", err
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return "", err
	}
	relative, err := filepath.Rel(folder, path)
	if err != nil {
		return path, nil //nolint:nilerr // another drive of Windows
	}
	if info, failed := os.Lstat(folder); !filepath.IsLocal(relative) && (failed != nil || info.Mode()&fs.ModeSymlink != 0) {
		return path, nil //nolint:nilerr // the absolute path is right in any case
	}
	return relative, nil
}

// key reads the private key.
func (id *identity) key(cmd *cobra.Command) (signingKey, error) {
	if f := cmd.Flags().Lookup(flagIssuerKey); f != nil && f.Changed {
		return readSigningKey(cmd, f.Value.String())
	}
	path, err := id.file(id.KeyFile)
	if err != nil {
		return signingKey{}, err
	}
	if path == "" {
		path = defaultIssuerKey
	}
	return readSigningKey(cmd, path)
}

// readAPIKey reads the API key of a file.
func readAPIKey(cmd *cobra.Command, path string) (string, error) {
	data, err := readInput(cmd, path, maxAPIKeyBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return "", withHint("there is no API key at "+path, "Name its file with --"+flagAPIKeyFile+", or set "+envAPIKey+". A lost key is not shown again: the node's operator makes a new one (mir admin issuer api-key new), and `mir issuer api-key use FILE` puts it here.")
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

// client speaks to the node that is asked, with the API key where that is its own.
func (id *identity) client(cmd *cobra.Command) (*nodeClient, error) {
	client, err := newClientOf(cmd, id.Node)
	if err != nil {
		return nil, err
	}
	client.from = id.from()
	place, err := id.apiKeyFor(cmd, client.base)
	if err != nil {
		return nil, err
	}
	client.apiKey, err = place.read(cmd)
	return client, err
}

// writer is client for what needs an API key. A node that is not the home is asked all the same: it names the home.
func (id *identity) writer(cmd *cobra.Command) (*nodeClient, error) {
	client, err := id.client(cmd)
	switch {
	case err != nil || client.apiKey != "":
		return client, err
	case id.home != "" && !sameNode(id.home, client.base):
		note(cmd, "warning: the API key is that of %s, and is not sent to %s; --%s sends one", id.home, id.Node, flagAPIKeyFile)
		return client, nil
	case os.Getenv(envAPIKey) != "":
		return nil, withHint(fmt.Sprintf("this needs the issuer's API key, and the one of %s is not for %s", envAPIKey, id.Node),
			"It goes to the node that "+envNode+" names, or --"+flagNode+" where that is not set, and to no other. --"+flagAPIKeyFile+" sends one to the node that is asked.")
	}
	return nil, withHint("this needs the issuer's API key", "Name its file with --"+flagAPIKeyFile+", or set "+envAPIKey+". The node's operator makes one: mir admin issuer api-key new.")
}

// readClient is a client for what any node answers, without an API key. The user alone chooses the node that is asked: no file does.
func readClient(cmd *cobra.Command) (*nodeClient, error) {
	return newNodeClient(cmd)
}

// withAPIKey gives the client the API key of the node, where one is set up here or named.
func withAPIKey(cmd *cobra.Command, client *nodeClient) error {
	id, err := identityIfAny(cmd)
	if err != nil {
		return err
	}
	if id.alien {
		note(cmd, "%s is not used: it was not written on this machine by `mir issuer new`. If it is yours, name it with --%s.", id.path, flagIdentity)
	}
	place, err := id.apiKeyFor(cmd, client.base)
	if err != nil {
		return err
	}
	client.apiKey, err = place.read(cmd)
	return err
}

// noteAnswered says whose answer it is.
func noteAnswered(cmd *cobra.Command, client *nodeClient) {
	note(cmd, "Answered by the node at %s", client.base)
}

// from is the file that names the node which is asked; "" where a flag or the environment does.
func (id *identity) from() string {
	if id.home == "" || id.Node != id.home {
		return ""
	}
	return id.path
}
