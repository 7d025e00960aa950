package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mirnode/cluster"
	"mirnode/protocol"
)

// clusterPublishFlags are the flags of `mir cluster publish` and `unpublish`.
type clusterPublishFlags struct {
	dir, key, channel, created, expires string
	texts                               []string

	// What plays a domain that got something wrong.
	addresses, records    []string
	document, contentType string
	location, rcode       string
	status                int
}

func newClusterPublishCommand(s streams) *cobra.Command {
	var f clusterPublishFlags
	cmd := &cobra.Command{
		Use:   "publish DOMAIN --dir DIR {--key KEY | --txt NAME=VALUE}",
		Short: "Publish a domain key in a cluster's DNS and well-known document, or a TXT record",
		Long: "Publishes a domain key in a cluster's DNS and well-known document, and makes the domain if it is new. It is in force when the command returns.\n" +
			"With --channel the key is in that one alone, also if it was in the other before.\n" +
			"--txt publishes TXT records at any name below the domain, such as the token that shows whose domain it is: all that are given for a name take\n" +
			"the place of those that --txt put there before.\n" +
			"What a domain can get wrong is played with --address, --record, --document, --status and --rcode, which need no key.",
		Example: "  mir cluster publish shop.test --dir DIR --key shop.pem\n" +
			"  mir cluster publish news.test --dir DIR --txt _mir-verify.news.test=mir-verify=0123…\n" +
			"  mir cluster publish shop.test --dir DIR --record 'mir-key TXT \"mir-key=…\"'   # at the wrong name\n" +
			"  mir cluster publish shop.test --dir DIR --rcode SERVFAIL                       # DNS that fails",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			domain, err := domainArgument(args[0])
			if err != nil {
				return err
			}
			change, err := f.change(cmd, domain)
			if err != nil {
				return err
			}
			return updatePublished(cmd, s, f.dir, domain, "published", change)
		},
	}
	f.addTo(cmd, "where the key is to be, and nowhere else: dns, well-known or both")
	cmd.Flags().StringArrayVar(&f.texts, "txt", nil, "NAME=VALUE, a TXT record below the domain; may be repeated, also for one name")
	cmd.Flags().StringVar(&f.created, "created", "", "since when the key is in use; told by the well-known document alone")
	cmd.Flags().StringVar(&f.expires, "expires", "", "until when the key was in use: a retired key stays published for a year")
	cmd.Flags().StringArrayVar(&f.addresses, "address", nil, "the domain's address in the place of 127.0.0.1, or \"none\"; may be repeated")
	cmd.Flags().StringArrayVar(&f.records, "record", nil, "a further DNS record, as in a zone file, with names below the domain; may be repeated")
	cmd.Flags().StringVar(&f.document, "document", "", "serve this file as mir.json, as it is")
	cmd.Flags().StringVar(&f.contentType, "content-type", "application/json", "the Content-Type of --document")
	cmd.Flags().IntVar(&f.status, "status", 0, "the HTTP status of mir.json, such as 503")
	cmd.Flags().StringVar(&f.location, "location", "", "the Location header of mir.json, for --status 302")
	cmd.Flags().StringVar(&f.rcode, "rcode", "", "answer every DNS question about the domain with this code, such as SERVFAIL; NOERROR: with what is published again")
	return cmd
}

func newClusterUnpublishCommand(s streams) *cobra.Command {
	var f clusterPublishFlags
	cmd := &cobra.Command{
		Use:   "unpublish DOMAIN --dir DIR",
		Short: "Withdraw a key or a TXT record from a cluster's DNS and well-known document, or a whole domain",
		Long: "Withdraws one key (--key), all keys of one channel (--channel), TXT records (--txt), or, with none of these, the domain itself, which then does\n" +
			"not exist any more.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.texts != nil {
				return f.withdrawTexts(cmd, s, args[0])
			}
			public, err := f.publicKey(cmd)
			if err != nil {
				return err
			}
			channels, err := f.channels()
			if err != nil {
				return err
			}
			return updatePublished(cmd, s, f.dir, args[0], "withdrawn", func(p *cluster.Published, domain string) error {
				d := p.Domains[domain]
				switch {
				case d == nil:
					return fmt.Errorf("%s: %w", domain, cluster.ErrNotPublished)
				case public == "" && !cmd.Flags().Changed("channel"):
					delete(p.Domains, domain)
					return nil
				}
				if err := d.RemoveKeys(public, channels); err != nil {
					return fmt.Errorf("%s: this key in this channel: %w", domain, err)
				}
				return nil
			})
		},
	}
	f.addTo(cmd, "where to withdraw from: dns, well-known or both")
	cmd.Flags().StringArrayVar(&f.texts, "txt", nil, "NAME or NAME=VALUE: all TXT records that --txt put at the name, or one; may be repeated")
	cmd.MarkFlagsMutuallyExclusive("txt", "key")
	cmd.MarkFlagsMutuallyExclusive("txt", "channel")
	return cmd
}

func (f *clusterPublishFlags) addTo(cmd *cobra.Command, channelHelp string) {
	addClusterDirFlag(cmd, &f.dir)
	cmd.Flags().StringVar(&f.key, "key", "", "the public key: its 43 characters, or a PEM file")
	addPassphraseFileFlag(cmd)
	cmd.Flags().StringVar(&f.channel, "channel", "both", channelHelp)
}

// updatePublished carries out a change of what the cluster in dir publishes, and tells what the domain has now.
func updatePublished(cmd *cobra.Command, s streams, dir, name, done string, change func(*cluster.Published, string) error) error {
	domain, err := domainArgument(name)
	if err != nil {
		return err
	}
	var now *cluster.Domain
	err = cluster.UpdatePublished(dir, func(p *cluster.Published) error {
		err := change(p, domain)
		now = p.Domains[domain]
		return err
	})
	switch {
	case errors.Is(err, os.ErrNotExist):
		return &exit{exitUnreachable, fmt.Errorf("%s is no cluster's folder (start one with: mir cluster --dir %s)", dir, shellQuote(dir))}
	case errors.Is(err, cluster.ErrNotPublished):
		return &exit{exitRejected, err}
	case err != nil:
		return err
	}
	if _, err := cluster.ReadState(dir); errors.Is(err, cluster.ErrNotRunning) {
		fmt.Fprintln(s.err, "mir: no cluster runs on the folder now; this will be in force when one does")
	}
	if wantsJSON(cmd) {
		return printJSON(s.out, map[string]any{"domain": domain, "published": now})
	}
	fmt.Fprintf(s.out, "%s: %s\n", domain, done)
	return nil
}

// change reads the flags of publish for the domain.
func (f *clusterPublishFlags) change(cmd *cobra.Command, domain string) (func(*cluster.Published, string) error, error) {
	var edits []func(*cluster.Domain)
	if f.key != "" {
		key, err := f.publishedKey(cmd)
		if err != nil {
			return nil, err
		}
		edits = append(edits, func(d *cluster.Domain) { d.SetKey(key) })
	} else if f.created != "" || f.expires != "" || cmd.Flags().Changed("channel") {
		return nil, errNoKey
	}
	if f.addresses != nil {
		addresses, err := parseAddresses(f.addresses)
		if err != nil {
			return nil, err
		}
		edits = append(edits, func(d *cluster.Domain) { d.Addresses = addresses })
	}
	if f.texts != nil {
		texts, err := f.publishedTexts(domain)
		if err != nil {
			return nil, err
		}
		edits = append(edits, func(d *cluster.Domain) {
			for name, values := range texts {
				d.SetText(name, values...)
			}
		})
	}
	if f.records != nil {
		edits = append(edits, func(d *cluster.Domain) { d.Records = append(d.Records, f.records...) })
	}
	if f.document != "" || f.status != 0 || f.location != "" {
		document, err := f.answer()
		if err != nil {
			return nil, err
		}
		edits = append(edits, func(d *cluster.Domain) { d.Document = document })
	}
	if f.rcode != "" {
		rcode := strings.ToUpper(f.rcode)
		if rcode == "NOERROR" {
			rcode = "" // back to real answers
		}
		edits = append(edits, func(d *cluster.Domain) { d.Rcode = rcode })
	}
	if len(edits) == 0 {
		return nil, errNoKey
	}
	return func(p *cluster.Published, domain string) error {
		for _, edit := range edits {
			edit(p.Domain(domain))
		}
		return nil
	}, nil
}

var errNoKey = errors.New("which key? Give --key with the public key's 43 characters or a PEM file (`mir key new --out FILE` makes one), or --txt NAME=VALUE")

func (f *clusterPublishFlags) publishedKey(cmd *cobra.Command) (cluster.Key, error) {
	public, err := f.publicKey(cmd)
	if err != nil {
		return cluster.Key{}, err
	}
	channels, err := f.channels()
	if err != nil {
		return cluster.Key{}, err
	}
	key := cluster.Key{Public: public, Channels: channels}
	for _, flag := range []struct {
		name, value string
		time        **time.Time
	}{{"created", f.created, &key.Created}, {"expires", f.expires, &key.Expires}} {
		if flag.value == "" {
			continue
		}
		if !slices.Contains(channels, protocol.WellKnown) {
			return key, fmt.Errorf("a TXT record carries the key alone, so --%s has no place in DNS: publish it with --channel well-known or both", flag.name)
		}
		var at time.Time
		if err := setTime(&at, flag.name, flag.value); err != nil {
			return key, err
		}
		*flag.time = &at
	}
	return key, nil
}

// publicKey is the key that was named, in the form that is published; "" if none was.
func (f *clusterPublishFlags) publicKey(cmd *cobra.Command) (string, error) {
	if f.key == "" {
		return "", nil
	}
	public, err := publicKeyArgument(cmd, f.key)
	if err != nil {
		return "", err
	}
	return protocol.EncodePublicKey(public), nil
}

func (f *clusterPublishFlags) channels() ([]protocol.Channel, error) {
	switch f.channel {
	case "dns":
		return []protocol.Channel{protocol.DNS}, nil
	case "well-known":
		return []protocol.Channel{protocol.WellKnown}, nil
	case "both":
		return []protocol.Channel{protocol.DNS, protocol.WellKnown}, nil
	}
	return nil, fmt.Errorf("--channel %q: it is dns, well-known or both", f.channel)
}

// maxPlayedDocument bounds --document: over what any reader accepts, so that a too large one can be played.
const maxPlayedDocument = 1 << 20

// answer is what the HTTPS server is to answer in the place of a document of keys.
func (f *clusterPublishFlags) answer() (*cluster.Document, error) {
	document := &cluster.Document{Status: 200, ContentType: f.contentType, Location: f.location}
	if f.status != 0 {
		document.Status = f.status
	}
	if f.document != "" {
		body, err := readFile(f.document, maxPlayedDocument)
		if err != nil {
			return nil, err
		}
		document.Body = string(body)
	}
	return document, nil
}

func parseAddresses(texts []string) ([]netip.Addr, error) {
	addresses := []netip.Addr{}
	for _, text := range texts {
		if text == "none" {
			continue
		}
		address, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("--address %q is no IP address", text)
		}
		addresses = append(addresses, address)
	}
	return addresses, nil
}
