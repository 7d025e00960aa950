package node

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Setting is one line of the table that everything about settings is made from: the file's keys, MIR_* variables, flags, help and documentation.
type Setting struct {
	Key  string // in the file: "tls.cert"
	Help string // one sentence, without a full stop
	Unit string // what a value looks like: "ADDR:PORT", "DURATION"
	flag string // where it is not made from Key
	env  string
	// set reads a value; get writes the present one as it would be written in a variable.
	set func(values []string) error
	get func() string
	// list settings take several values: a YAML list, a comma-separated variable, a repeated flag.
	list bool
	// mapping settings take name=value pairs; in the file they may be a mapping.
	mapping bool
}

// Flag is the flag's name without the dashes.
func (s Setting) Flag() string {
	if s.flag != "" {
		return s.flag
	}
	return strings.NewReplacer(".", "-", "_", "-").Replace(s.Key)
}

// Env is the environment variable's name.
func (s Setting) Env() string {
	if s.env != "" {
		return s.env
	}
	return "MIR_" + strings.ToUpper(strings.ReplaceAll(s.Key, ".", "_"))
}

// Value is the present value as it would be written in a variable.
func (s Setting) Value() string { return s.get() }

// IsSwitch tells that the setting is true or false, so that its flag needs no value.
func (s Setting) IsSwitch() bool { return s.Unit == "true|false" }

// Settings is the table, over the fields of c.
func (c *Config) Settings() []Setting {
	return slices.Concat(c.ownSettings(), c.federationSettings(), c.issuerSettings(), c.discoverySettings())
}

// ownSettings are the lines of the node itself.
func (c *Config) ownSettings() []Setting {
	return []Setting{
		text("domain", "NAME", "the DNS domain that the node belongs to", &c.Domain),
		text("network", "production|staging|development", "which network the node is part of: production, staging or development", &c.Network),
		text("data_dir", "DIR", "the folder that keeps everything; it is made if it is not there", &c.DataDir),
		text("listen", "ADDR:PORT", "where the public API is served; port 0 takes any free one", &c.Listen),
		text("tls.cert", "FILE", "certificate chain in PEM; with it the API is served over HTTPS", &c.TLS.Cert),
		text("tls.key", "FILE", "the certificate's private key in PEM", &c.TLS.Key),
		list("trusted_proxies", "PREFIX,…", "address ranges of reverse proxies whose X-Forwarded-For names the client", &c.TrustedProxies),
		text("operator_listen", "ADDR:PORT|unix:PATH", "where metrics, profiles and administration are served; empty for nowhere", &c.OperatorListen),
		toggle("operator_allow_remote", "allow operator_listen on an address that other machines reach; there is no log-in", &c.OperatorAllowRemote),
		text("ready_file", "FILE", "written as JSON (url, operator, gossip, pid) once the node answers, and removed when it stops", &c.ReadyFile),
		duration("shutdown_timeout", "how long running requests may take to end when the node stops", &c.ShutdownTimeout),
		{Key: "publish", Unit: "DOMAIN=FILE,…", Help: "domains whose keys are served at /.well-known/mir.json, each with its mir.json file, or in this file with its public keys",
			set: c.Publish.set, get: c.Publish.String, list: true, mapping: true},
		duration("clock_offset", "moves the node's clock, to try out what a wrong one does; on a development network alone", &c.ClockOffset),
		text("log.level", "debug|info|warn|error", "the least level that is logged: debug, info, warn or error", &c.Log.Level),
		text("log.format", "text|json", "how log lines are written: text or json", &c.Log.Format),
		text("log.requests", "all|errors|none", "which requests are logged: all, errors (answers of 500 and above) or none", &c.Log.Requests),
		toggle("log.clients", "log clients' addresses too", &c.Log.Clients),
	}
}

// discoverySettings are the lines of look-ups, and of all that is bounded.
func (c *Config) discoverySettings() []Setting {
	return []Setting{
		named(list("discovery.resolvers", "URL,…", "DNS resolvers, asked in order: udp://ADDR:53, tcp://ADDR:53 or tls://ADDR:853#NAME; ADDR alone is udp://ADDR:53; empty: the system's", &c.Discovery.Resolvers), "resolver", "MIR_RESOLVERS"),
		named(list("discovery.allow_ranges", "PREFIX,…", "address ranges that look-ups may connect to although they are not public", &c.Discovery.AllowRanges), "allow-range", "MIR_ALLOW_RANGES"),
		named(text("discovery.extra_ca_file", "FILE", "certificate authorities in PEM that are trusted beside the system's", &c.Discovery.ExtraCAFile), "ca-file", "MIR_CA_FILE"),
		named(number("discovery.well_known_port", "the port of other domains' HTTPS servers, for closed networks", &c.Discovery.WellKnownPort), "well-known-port", "MIR_WELL_KNOWN_PORT"),
		duration("discovery.min_ttl", "found keys are kept at least this long", &c.Discovery.MinTTL),
		duration("discovery.max_ttl", "found keys are kept at most this long", &c.Discovery.MaxTTL),
		duration("discovery.default_ttl", "how long found keys are kept where nothing is said", &c.Discovery.DefaultTTL),
		duration("discovery.negative_ttl", "the absence of keys is kept at most this long", &c.Discovery.NegativeTTL),
		duration("discovery.failure_ttl", "that a domain gave no answer is kept this long", &c.Discovery.FailureTTL),
		duration("discovery.timeout", "a whole look-up may take this long", &c.Discovery.Timeout),
		duration("discovery.refetch_age", "keys found longer ago than this are asked for again before a fingerprint is called unknown", &c.Discovery.RefetchAge),
		duration("discovery.refetch_every", "a domain is asked again for an unknown fingerprint once in this time", &c.Discovery.RefetchEvery),
		number("discovery.refetch_burst", "and at most so many times at once", &c.Discovery.RefetchBurst),
		number("discovery.cache_domains", "domains whose keys are kept in memory", &c.Discovery.CacheDomains),
		number("discovery.max_lookups", "look-ups under way at one time", &c.Discovery.MaxLookups),
		number("discovery.max_waiting", "look-ups that may wait for their turn", &c.Discovery.MaxWaiting),
		decimal("limits.read_per_second", "requests that read, per client; 0 for no limit", &c.Limits.ReadPerSecond),
		number("limits.read_burst", "the same, at once", &c.Limits.ReadBurst),
		decimal("limits.submit_per_second", "claims submitted, per client; 0 for no limit", &c.Limits.SubmitPerSecond),
		number("limits.submit_burst", "the same, at once; a batch takes one for each claim", &c.Limits.SubmitBurst),
		decimal("limits.verify_per_second", "claims verified without being kept, per client; 0 for no limit", &c.Limits.VerifyPerSecond),
		number("limits.verify_burst", "the same, at once", &c.Limits.VerifyBurst),
		decimal("limits.lookup_per_second", "key look-ups of domains that are not in the cache, per client; 0 for no limit", &c.Limits.LookupPerSecond),
		number("limits.lookup_burst", "the same, at once", &c.Limits.LookupBurst),
		decimal("limits.domain_per_second", "claims kept, per issuing domain; 0 for no limit", &c.Limits.DomainPerSecond),
		number("limits.domain_burst", "the same, at once", &c.Limits.DomainBurst),
		decimal("limits.peer_per_second", "what other nodes read of logs and records, per client: one a request, and one more for every 50 records or 1,024 entries; 0 for no limit", &c.Limits.PeerPerSecond),
		number("limits.peer_burst", "the same, at once", &c.Limits.PeerBurst),
		decimal("limits.assertion_lookup_per_second", "look-ups of many files in one request, per issuer, whatever keys it uses; 0 for no limit", &c.Limits.AssertionLookupPerSecond),
		number("limits.assertion_lookup_burst", "the same, at once", &c.Limits.AssertionLookupBurst),
		decimal("limits.assertion_write_per_second", "assertions, revocations and edits, per issuer, whatever keys it uses; 0 for no limit", &c.Limits.AssertionWritePerSecond),
		number("limits.assertion_write_burst", "the same, at once", &c.Limits.AssertionWriteBurst),
		number("limits.clients", "clients and domains whose budgets are remembered", &c.Limits.Clients),
		number("limits.connections", "connections that are open at one time", &c.Limits.Connections),
		number("limits.connections_per_client", "the same, per client; 0 for no limit. Trusted proxies are not counted", &c.Limits.ConnectionsPerClient),
		number("store.merge_claims", "claims whose index gathers in memory before it is written; some 860 bytes of memory each at worst", &c.Store.MergeClaims),
		number("store.queue_requests", "submissions that may wait to be written", &c.Store.QueueRequests),
	}
}

// named gives a setting the flag and the variable that the other commands have for the same thing.
func named(s Setting, flag, env string) Setting {
	s.flag, s.env = flag, env
	return s
}

func text(key, unit, help string, field *string) Setting {
	return Setting{Key: key, Unit: unit, Help: help, get: func() string { return *field },
		set: func(v []string) error { *field = v[0]; return nil }}
}

func list(key, unit, help string, field *[]string) Setting {
	return Setting{Key: key, Unit: unit, Help: help, list: true, get: func() string { return strings.Join(*field, ",") },
		set: func(v []string) error { *field = v; return nil }}
}

func toggle(key, help string, field *bool) Setting {
	return Setting{Key: key, Unit: "true|false", Help: help, get: func() string { return strconv.FormatBool(*field) },
		set: func(v []string) error {
			if v[0] != "true" && v[0] != "false" {
				return fmt.Errorf("%q is neither true nor false", v[0])
			}
			*field = v[0] == "true"
			return nil
		}}
}

func duration(key, help string, field *time.Duration) Setting {
	return Setting{Key: key, Unit: "DURATION", Help: help, get: func() string { return shortDuration(*field) },
		set: func(v []string) error {
			d, err := time.ParseDuration(v[0])
			if err != nil {
				return fmt.Errorf("%q is no duration: write a number with its unit, as in 500ms, 10s, 15m or 24h", v[0])
			}
			*field = d
			return nil
		}}
}

func number(key, help string, field *int) Setting {
	return Setting{Key: key, Unit: "NUMBER", Help: help, get: func() string { return strconv.Itoa(*field) },
		set: func(v []string) (err error) {
			if *field, err = strconv.Atoi(v[0]); err != nil {
				return fmt.Errorf("%q is no whole number", v[0])
			}
			return nil
		}}
}

func decimal(key, help string, field *float64) Setting {
	return Setting{Key: key, Unit: "NUMBER", Help: help, get: func() string { return strconv.FormatFloat(*field, 'f', -1, 64) },
		set: func(v []string) (err error) {
			if *field, err = strconv.ParseFloat(v[0], 64); err != nil {
				return fmt.Errorf("%q is no number", v[0])
			}
			return nil
		}}
}

// shortDuration writes 24h for 24h0m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
