package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mirnode/protocol"
)

const (
	// recordTTL is the TTL that is proposed for a key's TXT record, in seconds.
	recordTTL = 3600
	// keyLabel is the name under a domain where its keys are (protocol, section 2).
	keyLabel = "_mir-key"

	formatDNS       = "dns"
	formatWellKnown = "well-known"
	formatBoth      = "both"
)

func newKeyPublishCommand() *cobra.Command {
	var flags publishFlags
	cmd := &cobra.Command{
		Use:   "publish DOMAIN [--key FILE]",
		Short: "Print what to publish for a key: the DNS record, the mir.json document, or both",
		Long: "Prints the exact TXT record and the exact mir.json document that publish the key of a domain. Publish in one place or, better,\n" +
			"in both. Nothing is sent anywhere: put the record into your DNS, and the document onto your web server.",
		Example: `  mir key publish shop.example.com
  mir key publish shop.example.com --format dns >> zone.db
  mir key publish shop.example.com --format well-known --merge old/mir.json > .well-known/mir.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && flags.domain != "" && args[0] != flags.domain {
				return fmt.Errorf("two domains, %q and --domain %q: name one", args[0], flags.domain)
			}
			if len(args) > 0 {
				flags.domain = args[0]
			}
			return runKeyPublish(cmd, flags)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.key, "key", defaultKeyFile, "PEM file of the private or the public key")
	f.StringVar(&flags.domain, "domain", "", "domain that the key is for, in the place of the argument")
	f.StringVar(&flags.format, "format", formatBoth, "what to print: dns, well-known or both")
	f.StringVar(&flags.created, "created", "", "when the key was created, for mir.json (default: now)")
	f.StringVar(&flags.expires, "expires", "", "when the key's validity ends, for mir.json (default: no end)")
	f.StringVar(&flags.merge, "merge", "", "keep the keys of this mir.json in the document")
	addPassphraseFileFlag(cmd)
	return cmd
}

type publishFlags struct {
	key, domain, format, created, expires, merge string
}

// publication is what a domain publishes for a key.
type publication struct {
	Domain    string               `json:"domain"`
	DNS       *dnsPublication      `json:"dns,omitzero"`
	WellKnown *documentPublication `json:"wellKnown,omitzero"`
}

type dnsPublication struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	TTL      int    `json:"ttl"`
	Value    string `json:"value"`
	ZoneFile string `json:"zoneFile"`
}

type documentPublication struct {
	URL         string          `json:"url"`
	ContentType string          `json:"contentType"`
	Document    json.RawMessage `json:"document"`
}

func runKeyPublish(cmd *cobra.Command, flags publishFlags) error {
	if !slices.Contains([]string{formatDNS, formatWellKnown, formatBoth}, flags.format) {
		return fmt.Errorf("--format %q: give %s, %s or %s", flags.format, formatDNS, formatWellKnown, formatBoth)
	}
	if flags.domain == "" {
		return withHint("name the domain that the key is for", "usage: "+cmd.UseLine())
	}
	domain, err := domainFlag("domain", flags.domain)
	if err != nil {
		return err
	}
	public, err := publicKeyOf(cmd, flags.key)
	if err != nil {
		return err
	}
	p := publication{Domain: domain}
	if flags.format != formatWellKnown {
		p.DNS = newDNSPublication(domain, protocol.KeyRecord(public))
	}
	if flags.format != formatDNS {
		document, err := keyDocument(cmd, protocol.DomainKey{Public: public, Fingerprint: protocol.Fingerprint(public)}, flags)
		if err != nil {
			return err
		}
		p.WellKnown = &documentPublication{"https://" + domain + "/.well-known/mir.json", "application/json", document}
	}
	if wantsJSON(cmd) {
		return printJSON(cmd.OutOrStdout(), p)
	}
	p.print(cmd.OutOrStdout(), cmd.ErrOrStderr())
	return nil
}

func newDNSPublication(domain, value string) *dnsPublication {
	name := keyLabel + "." + domain
	return &dnsPublication{
		Name: name, Type: "TXT", TTL: recordTTL, Value: value,
		ZoneFile: fmt.Sprintf("%s. %d IN TXT %q", name, recordTTL, value),
	}
}

// print writes what is to be published to out, and what to do with it to talk.
func (p publication) print(out, talk io.Writer) {
	if p.DNS != nil {
		fmt.Fprintf(talk, "DNS: add this record. In a zone file it is the line below; in a form it is\n"+
			"  type   %s\n  name   %s   (a form that adds the zone's name itself wants %s)\n  value  %s\n  TTL    %d\n\n",
			p.DNS.Type, p.DNS.Name, shortNames(p.Domain), p.DNS.Value, p.DNS.TTL)
		fmt.Fprintln(out, p.DNS.ZoneFile)
	}
	if p.WellKnown != nil {
		fmt.Fprintf(talk, "\nWeb: serve the document below at %s, with Content-Type: %s.\n\n", p.WellKnown.URL, p.WellKnown.ContentType)
		fmt.Fprintf(out, "%s\n", bytes.TrimSpace(p.WellKnown.Document))
	}
	fmt.Fprintf(talk, "\nThen check it: mir domain check %s\n", p.Domain)
}

// shortNames says what the record is called inside the zones that the domain may lie in.
func shortNames(domain string) string {
	names := keyLabel + " in the zone " + domain
	if label, parent, ok := strings.Cut(domain, "."); ok && strings.Contains(parent, ".") {
		names += ", " + keyLabel + "." + label + " in the zone " + parent
	}
	return names
}

// keyDocument returns the mir.json with the key in it, and the keys of --merge before it.
func keyDocument(cmd *cobra.Command, key protocol.DomainKey, flags publishFlags) ([]byte, error) {
	var document protocol.KeyDocument
	if flags.merge != "" {
		data, err := readFile(flags.merge, protocol.MaxKeyDocumentBytes)
		if err != nil {
			return nil, fmt.Errorf("--merge: %w", err)
		}
		if document, err = protocol.ParseKeyDocument(data); err != nil {
			return nil, fmt.Errorf("--merge %s: %w", flags.merge, err)
		}
		for _, problem := range document.Problems {
			note(cmd, "warning: %s: %s; it is left out", flags.merge, problem)
		}
		document.Problems = nil
	}
	at := slices.IndexFunc(document.Keys, func(k protocol.DomainKey) bool { return k.Fingerprint == key.Fingerprint })
	if at >= 0 {
		key.Created, key.Expires = document.Keys[at].Created, document.Keys[at].Expires
	} else {
		key.Created = time.Now().UTC().Truncate(time.Second)
		document.Keys = append(document.Keys, key)
		at = len(document.Keys) - 1
	}
	if err := setTime(&key.Created, "created", flags.created); err != nil {
		return nil, err
	}
	if err := setTime(&key.Expires, "expires", flags.expires); err != nil {
		return nil, err
	}
	if !key.Expires.IsZero() && !key.Expires.After(key.Created) {
		return nil, fmt.Errorf("--expires %s is not after the key's creation %s", key.Expires.Format(time.RFC3339), key.Created.Format(time.RFC3339))
	}
	document.Keys[at] = key
	for i := range document.Keys {
		if other := document.Keys[i]; i != at && other.Expires.IsZero() {
			note(cmd, "note: the key %s… has no end: set its \"expires\" when you stop signing with it, and keep it listed for a year", other.Fingerprint[:16])
		}
	}
	return document.JSON(), nil
}

// setTime reads a time of a flag, if it is given: RFC 3339, or a date, which means its midnight in UTC.
func setTime(t *time.Time, flag, value string) error {
	if value == "" {
		return nil
	}
	layout := time.RFC3339
	if !strings.Contains(value, "T") {
		layout = time.DateOnly
	}
	parsed, err := time.Parse(layout, value)
	if err != nil {
		return fmt.Errorf("--%s %q: give a time like 2026-02-16T15:30:00Z, or a date like 2026-02-16", flag, value)
	}
	*t = parsed.UTC().Truncate(time.Second)
	return nil
}
