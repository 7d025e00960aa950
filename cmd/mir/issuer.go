package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mirnode/protocol"
)

func newIssuerCommand(s streams) *cobra.Command {
	return commandGroup("issuer", "Be an issuer: its keys, its domain, its API keys",
		newIssuerNewCommand(s), newIssuerShowCommand(s), newIssuerMoveCommand(s), newIssuerVerifyDomainCommand(s),
		commandGroup("key", "Make, list and revoke the keys that the issuer signs with",
			newIssuerKeyNewCommand(s), newIssuerKeyListCommand(s), newIssuerKeyRevokeCommand(s)),
		newIssuerAPIKeyCommand(s))
}

func newIssuerNewCommand(s streams) *cobra.Command {
	var making keyMaking
	cmd := &cobra.Command{
		Use:   "new --issuer ISSUER-ID --api-key-file FILE --node URL",
		Short: "Set an issuer up on this machine: make its signing key, register it, remember who it is",
		Long: "The node's operator makes the issuer, and gives you its ID and an API key (mir admin issuer new). This command makes a signing key here, registers its\n" +
			"public half with the node by showing that you hold the private one, and writes " + defaultIdentity + ", so that `mir assert` and the others know who speaks.\n" +
			"Your configuration folder notes that the file is your own: one that came with somebody's folder counts only where --identity names it.\n" +
			"The private key never leaves this machine. Keep .mir/ out of version control.",
		Example: "  mir issuer new --issuer issuer_0f5c… --api-key-file api-key.txt --node https://mir.example.com\n" +
			"  openssl genpkey -algorithm ed25519 -out k.pem && mir issuer new --issuer issuer_0f5c… --api-key-file api-key.txt --key k.pem",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runIssuerNew(cmd, s, &making) },
	}
	addIssuerFlags(cmd)
	making.addFlags(cmd)
	mustGive(cmd, flagIssuer)
	return cmd
}

// exists tells that there is something at the path.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func runIssuerNew(cmd *cobra.Command, s streams, making *keyMaking) error {
	path := setting(cmd, flagIdentity, envIdentity)
	if exists(path) {
		return withHint(path+" says already who the issuer is", "Another key for it: mir issuer key new. Another issuer: name another file with --"+flagIdentity+".")
	}
	if err := keyFolder(filepath.Dir(path)); err != nil {
		return err
	}
	id := &identity{path: path, Node: setting(cmd, flagNode, envNode), known: true}
	if id.Node == "" {
		id.Node = defaultNode
	}
	var err error
	if id.IssuerID, err = issuerArgument(cmd.Flags().Lookup(flagIssuer).Value.String()); err != nil {
		return err
	}
	client, err := id.writer(cmd)
	if err != nil {
		return err
	}
	registered, keyFile, err := making.register(cmd, id, client, defaultIssuerKey)
	if err != nil {
		return err
	}
	if id.KeyFile, err = id.recorded(keyFile); err != nil {
		return err
	}
	if err := id.keepAPIKey(cmd, client); err != nil {
		return err
	}
	if err := id.write(cmd); err != nil {
		return err
	}
	if wantsJSON(cmd) {
		apiKeyFile, err := id.file(id.APIKeyFile)
		if err != nil {
			return err
		}
		return printJSON(s.out, struct {
			Identity    string `json:"identity"`
			IssuerID    string `json:"issuerId"`
			Node        string `json:"node"`
			KeyFile     string `json:"keyFile"`
			APIKeyFile  string `json:"apiKeyFile"`
			Algorithm   string `json:"algorithm"`
			Fingerprint string `json:"fingerprint"`
		}{path, id.IssuerID, id.Node, keyFile, apiKeyFile, registered.Algorithm, registered.Fingerprint})
	}
	fmt.Fprintf(s.out, "issuer       %s\nkey          %s, %s\nfingerprint  %s\n", id.IssuerID, printable(keyFile), printable(registered.Algorithm), printable(registered.Fingerprint))
	note(cmd, "The node has the public key. Keep %s secret, and keep a copy in a safe place.", keyFile)
	note(cmd, "Next, say something about a file: mir assert FILE --type ISSUED_BY. Show that your domain is yours: mir issuer verify-domain YOUR.DOMAIN")
	return nil
}

// keepAPIKey sees to it that the API key is in a file, and the file in the identity.
func (id *identity) keepAPIKey(cmd *cobra.Command, client *nodeClient) error {
	place, err := id.apiKeyFor(cmd, client.base)
	if err != nil {
		return err
	}
	path := place.file
	if path == "" || path == stdinName {
		path = filepath.Join(id.folder(), filepath.Base(defaultAPIKey))
		if err := writeSecret(path, []byte(client.apiKey+"\n")); errors.Is(err, fs.ErrExist) {
			return withHint(path+" exists, and a secret is never overwritten", "Name it with --"+flagAPIKeyFile+" if it is this key; else move it away.")
		} else if err != nil {
			return err
		}
	}
	id.APIKeyFile, err = id.recorded(path)
	return err
}

// keyMaking is how a key is made, or which one is taken.
type keyMaking struct{ algorithm, out, taken string }

func (k *keyMaking) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.algorithm, "algorithm", string(protocol.Ed25519), "algorithm of the new key: Ed25519 or ES256")
	cmd.Flags().StringVar(&k.out, "out", "", "file for the new private key (default: "+defaultIssuerKey+", beside the identity)")
	cmd.Flags().StringVar(&k.taken, flagIssuerKey, "", "register the key of this PEM file, which you have, and make none")
	addNewPassphraseFlags(cmd)
	cmd.MarkFlagsMutuallyExclusive(flagIssuerKey, "out")
	cmd.MarkFlagsMutuallyExclusive(flagIssuerKey, "algorithm")
	cmd.MarkFlagsMutuallyExclusive(flagIssuerKey, flagPassphrase)
}

// register makes a key, or reads the one that is taken, and registers it with the issuer's home. It gives the file too.
func (k *keyMaking) register(cmd *cobra.Command, id *identity, client *nodeClient, fallback string) (*issuerKeyAnswer, string, error) {
	algorithm, err := algorithmFlag(k.algorithm)
	if err != nil {
		return nil, "", err
	}
	path := k.taken
	var key signingKey
	if path != "" {
		if key, err = readSigningKey(cmd, path); err != nil {
			return nil, "", err
		}
	} else {
		if path = k.out; path == "" {
			path = filepath.Join(id.folder(), filepath.Base(fallback))
		}
		if exists(path) {
			return nil, "", withHint(path+" exists, and a key is never overwritten", "Name another file with --out, or use it with --"+flagIssuerKey+".")
		}
	}
	// The challenge comes first: a node that refuses us leaves no key behind.
	challenge, err := askChallenge(cmd, client, id.IssuerID)
	if err != nil {
		return nil, "", err
	}
	if k.taken == "" {
		passphrase, err := newPassphrase(cmd)
		if err != nil {
			return nil, "", err
		}
		defer clear(passphrase)
		if key, err = newSigningKey(algorithm); err != nil {
			return nil, "", err
		}
		if err := writeSigningKey(path, key, passphrase); err != nil {
			return nil, "", err
		}
	}
	registered, err := registerKey(cmd, client, id.IssuerID, key, challenge)
	if err != nil && k.taken == "" {
		note(cmd, "The private key is in %s, and not registered: try again with --%s %s", path, flagIssuerKey, shellQuote(path))
	}
	return registered, path, err
}

var challengePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{16,128}$`)

// askChallenge gets what is to be signed, to show that one holds a key.
func askChallenge(cmd *cobra.Command, client *nodeClient, issuer string) (string, error) {
	answer, err := client.order(cmd.Context(), http.MethodPost, "/issuers/"+issuer+"/keys/challenge", nil, nil)
	if err != nil {
		return "", err
	}
	var asked struct {
		Challenge string `json:"challenge"`
	}
	if err := decodeAnswer(answer.body, &asked); err != nil {
		return "", err
	}
	if !challengePattern.MatchString(asked.Challenge) {
		return "", &exit{exitUnreachable, fmt.Errorf("%w: its challenge is not one", errWrongAnswer)}
	}
	return asked.Challenge, nil
}

// registerKey shows that we hold the key, and registers it. The text that is signed is made here: a node must not choose what is signed.
func registerKey(cmd *cobra.Command, client *nodeClient, issuer string, key signingKey, challenge string) (*issuerKeyAnswer, error) {
	signature, err := key.sign(protocol.PossessionText(issuer, challenge))
	if err != nil {
		return nil, err
	}
	public, err := key.public()
	if err != nil {
		return nil, err
	}
	answer, err := client.order(cmd.Context(), http.MethodPost, "/issuers/"+issuer+"/keys", nil, map[string]string{
		"algorithm": string(key.algorithm()), "publicKey": base64.RawURLEncoding.EncodeToString(public), "challenge": challenge, "signature": signature,
	})
	if err != nil {
		return nil, err
	}
	var registered struct {
		Key issuerKeyAnswer `json:"key"`
	}
	if err := decodeAnswer(answer.body, &registered); err != nil {
		return nil, err
	}
	if fingerprint, err := key.fingerprint(); err != nil || registered.Key.Fingerprint != fingerprint {
		return nil, errors.Join(err, &exit{exitUnreachable, fmt.Errorf("%w: it registered another key", errWrongAnswer)})
	}
	return &registered.Key, nil
}

// issuerRecord is a node's answer about an issuer.
type issuerRecord struct {
	Issuer issuerAnswer      `json:"issuer"`
	Keys   []issuerKeyAnswer `json:"keys"`
}

func askIssuer(cmd *cobra.Command, client *nodeClient, id string) (*issuerRecord, *nodeAnswer, error) {
	answer, err := client.order(cmd.Context(), http.MethodGet, "/issuers/"+id, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	record := new(issuerRecord)
	return record, answer, decodeAnswer(answer.body, record)
}

func newIssuerShowCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show [ISSUER-ID]",
		Short: "Show an issuer as a node sees it: badge, how it was verified, keys",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, id, err := readerOf(cmd, args)
			if err != nil {
				return err
			}
			record, answer, err := askIssuer(cmd, client, id)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printRaw(cmd, answer.body)
			}
			i := &record.Issuer
			pg, b := newPage(s.out), new(strings.Builder)
			name := i.called()
			name.painted = pg.bold
			pg.rest(b, 0, 2+labelCells+hangBy, []span{name})
			for _, fact := range [][2]string{{"issuer", i.ID}, {"home", i.Home}, {"badge", i.badge(client.base.Host)}, {"seen", i.Detail}} {
				if fact[1] != "" {
					pg.fact(b, fact[0], ours("%s", fact[1]))
				}
			}
			noteAnswered(cmd, client)
			fmt.Fprint(s.out, b.String())
			fmt.Fprintln(s.out)
			return printKeys(s, record.Keys, true)
		},
	}
	addIdentityFlag(cmd)
	addNodeFlags(cmd)
	return cmd
}

// readerOf gives a client for what anybody may read about an issuer: the one that is named, or the one that is set up here, of which its home is asked.
func readerOf(cmd *cobra.Command, args []string) (*nodeClient, string, error) {
	id, err := readIdentityIfNone(cmd, args)
	if err != nil {
		return nil, "", err
	}
	if cmd.Flags().Changed(flagNode) || os.Getenv(envNode) != "" {
		id.Node = setting(cmd, flagNode, envNode)
	}
	issuer, err := issuerArgument(id.IssuerID)
	if err != nil {
		return nil, "", err
	}
	client, err := newClientOf(cmd, id.Node)
	if err == nil {
		client.from = id.from()
	}
	return client, issuer, err
}

// readIdentityIfNone is the issuer that an argument names, else the one that is set up here.
func readIdentityIfNone(cmd *cobra.Command, args []string) (*identity, error) {
	if len(args) == 0 {
		return readIdentity(cmd)
	}
	return &identity{IssuerID: args[0], Node: setting(cmd, flagNode, envNode)}, nil
}

// printKeys lists an issuer's keys; with anchors, also who vouches for each.
func printKeys(s streams, keys []issuerKeyAnswer, anchors bool) error {
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	if len(keys) > 0 {
		fmt.Fprint(table, "KEY\tALGORITHM\tSINCE\tSTATE")
		if anchors {
			fmt.Fprint(table, "\tVOUCHED FOR BY")
		}
		fmt.Fprintln(table)
	}
	for _, k := range keys {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s", printable(k.Fingerprint), printable(k.Algorithm), moment(k.Created), k.state())
		switch {
		case anchors && k.Anchor == "domain":
			fmt.Fprint(table, "\tits own domain")
		case anchors:
			fmt.Fprint(table, "\tits home")
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}
