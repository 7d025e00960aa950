package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"mirnode/conformance/names"
	"mirnode/protocol"
)

// publishArgs are the members of "publish".
type publishArgs struct {
	Domain      string                `json:"domain"` // a short name of the case's, or a full name; "www.d1" is below d1
	Keys        []publishKey          `json:"keys,omitzero"`
	TTL         int                   `json:"ttl,omitzero"` // seconds; 0 is 60, and -1 is a TTL of 0
	Records     []string              `json:"records,omitzero"`
	Document    *publishDoc           `json:"document,omitzero"`
	Documents   map[string]publishDoc `json:"documents,omitzero"` // by path
	Rcode       string                `json:"rcode,omitzero"`
	RcodeOf     map[string]string     `json:"rcodeOf,omitzero"`
	DNSDelay    string                `json:"dnsDelay,omitzero"`
	DropDNS     bool                  `json:"dropDns,omitzero"`
	Truncate    bool                  `json:"truncate,omitzero"`
	Certificate string                `json:"certificate,omitzero"`
	Addresses   *[]netip.Addr         `json:"addresses,omitzero"`
}

// publishKey is a key as the domain publishes it. What is said of its members replaces what belongs to the key.
type publishKey struct {
	Key         string          `json:"key"`
	Channels    []string        `json:"channels,omitzero"`
	Public      string          `json:"pub,omitzero"`
	Fingerprint string          `json:"fingerprint,omitzero"`
	Algorithm   string          `json:"alg,omitzero"`
	Created     json.RawMessage `json:"created,omitzero"`
	Expires     json.RawMessage `json:"expires,omitzero"`
}

// publishDoc is an HTTP answer.
type publishDoc struct {
	Status      int             `json:"status,omitzero"`
	ContentType string          `json:"contentType,omitzero"`
	Headers     map[string]text `json:"headers,omitzero"`
	Location    string          `json:"location,omitzero"`
	Body        string          `json:"body,omitzero"`
	JSON        json.RawMessage `json:"json,omitzero"` // in place of body
	Delay       string          `json:"delay,omitzero"`
	DripEvery   string          `json:"dripEvery,omitzero"`
	Hang        bool            `json:"hang,omitzero"`
	Close       bool            `json:"close,omitzero"`
}

// publish puts a domain in force, in place of what it published before.
func publish(_ context.Context, p *play, args *publishArgs) error {
	if p.world.Names == nil {
		return errors.New("the nodes do not see the suite's names: the case lacks \"names\" under needs")
	}
	name := p.fullName(args.Domain)
	d := names.Domain{TTL: args.TTL, Records: args.Records, Rcode: args.Rcode, RcodeOf: args.RcodeOf, DropDNS: args.DropDNS,
		Truncate: args.Truncate, Certificate: args.Certificate}
	switch {
	case args.TTL == 0:
		d.TTL = 60
	case args.TTL < 0:
		d.TTL = 0
	}
	var err error
	if d.DNSDelay, err = duration(args.DNSDelay); err != nil {
		return err
	}
	if args.Addresses != nil {
		d.Addresses = append([]netip.Addr{}, *args.Addresses...)
	}
	for i, k := range args.Keys {
		d.Keys = append(d.Keys, p.published(k))
		if i == 0 {
			p.domainKey[strings.ToLower(name)] = k.Key
		}
	}
	if args.Document != nil {
		if d.Document, err = args.Document.document(); err != nil {
			return err
		}
	}
	for path, doc := range args.Documents {
		made, err := doc.document()
		if err != nil {
			return err
		}
		if d.Documents == nil {
			d.Documents = map[string]names.Document{}
		}
		d.Documents[path] = *made
	}
	if err := p.world.Names.Publish(name, d); err != nil {
		return fmt.Errorf("%w: %w", errSteps, err)
	}
	return nil
}

// published is a key as it is given to package names.
func (p *play) published(k publishKey) names.PublishedKey {
	public := publicOf(p.key(k.Key))
	made := names.PublishedKey{Public: k.Public, Fingerprint: k.Fingerprint, Algorithm: k.Algorithm, Channels: k.Channels, Created: k.Created, Expires: k.Expires}
	if made.Public == "" {
		made.Public = protocol.EncodePublicKey(public)
	}
	if made.Fingerprint == "" {
		made.Fingerprint = protocol.Fingerprint(public)
	}
	return made
}

func (d *publishDoc) document() (*names.Document, error) {
	made := &names.Document{Status: d.Status, ContentType: d.ContentType, Location: d.Location, Body: d.Body, Hang: d.Hang, Close: d.Close}
	if d.JSON != nil {
		made.Body = string(d.JSON)
	}
	for name, value := range d.Headers {
		if made.Headers == nil {
			made.Headers = map[string]string{}
		}
		made.Headers[name] = string(value)
	}
	var err error
	if made.Delay, err = duration(d.Delay); err != nil {
		return nil, err
	}
	made.DripEvery, err = duration(d.DripEvery)
	return made, err
}

// duration reads a Go duration; "" is none.
func duration(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errSteps, err)
	}
	return d, nil
}

// fullName gives the full name of a domain: a short one is the case's own, "www.@d1" is a name below it, and one with a dot stands for itself.
func (p *play) fullName(name string) string {
	if below, short, ok := strings.Cut(name, "@"); ok {
		return below + p.domain(short)
	}
	if strings.Contains(name, ".") {
		return name
	}
	return p.domain(name)
}

// withdrawArgs are the members of "withdraw".
type withdrawArgs struct {
	Domain string `json:"domain"`
}

// withdraw takes a domain away.
func withdraw(_ context.Context, p *play, args *withdrawArgs) error {
	if p.world.Names == nil {
		return errors.New("the nodes do not see the suite's names")
	}
	p.world.Names.Remove(p.fullName(args.Domain))
	return nil
}

// namesArgs are the members of "expectNames".
type namesArgs struct {
	Domain string          `json:"domain"`
	DNS    json.RawMessage `json:"dns,omitzero"`   // a matcher for the number of questions for the domain's keys
	HTTPS  json.RawMessage `json:"https,omitzero"` // and of requests for its documents
	Plain  json.RawMessage `json:"plain,omitzero"` // and of requests in clear text
	Since  string          `json:"since,omitzero"` // the name under which an earlier expectNames saved the counts: only what came after it counts
	SaveAs string          `json:"saveAs,omitzero"`
}

// expectNames looks at what the nodes asked about a domain.
func expectNames(_ context.Context, p *play, args *namesArgs) error {
	if p.world.Names == nil {
		return errors.New("the nodes do not see the suite's names")
	}
	counts := p.world.Names.Queries(p.fullName(args.Domain))
	now := counts
	if args.Since != "" {
		before, ok := p.vars[args.Since].(names.Counts)
		if !ok {
			return fmt.Errorf("%w: no counts were saved as %q", errSteps, args.Since)
		}
		counts.DNS -= before.DNS
		counts.HTTPS -= before.HTTPS
		counts.Plain -= before.Plain
	}
	for _, channel := range []struct {
		name string
		want json.RawMessage
		got  int
	}{{"questions in DNS", args.DNS, counts.DNS}, {"requests over HTTPS", args.HTTPS, counts.HTTPS}, {"requests in clear text", args.Plain, counts.Plain}} {
		if channel.want == nil {
			continue
		}
		if err := match(channel.want, json.Number(fmt.Sprint(channel.got)), true); err != nil {
			return fmt.Errorf("the nodes' %s about %s: %w", channel.name, p.fullName(args.Domain), err)
		}
	}
	if args.SaveAs != "" {
		p.vars[args.SaveAs] = now
	}
	return nil
}
