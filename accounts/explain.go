package accounts

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"
	"golang.org/x/time/rate"

	"mirnode/protocol"
)

const (
	// maxFound bounds the records that a check shows, and maxFoundBytes each.
	maxFound      = 10
	maxFoundBytes = 200
)

// showable makes records from outside fit to be shown: few, short, printable.
func showable(values []string) []string {
	var found []string
	for _, v := range values[:min(len(values), maxFound)] {
		if len(v) > maxFoundBytes {
			v = v[:maxFoundBytes] + "..."
		}
		quoted := fmt.Sprintf("%+q", v)
		found = append(found, strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`))
	}
	return found
}

// explain says, of a domain that answered without the record, what is there instead and what to do.
func (a *Accounts) explain(ctx context.Context, c *DomainCheck) {
	record := fmt.Sprintf("set the TXT record %s to %s", c.Name, c.Value)
	c.Hint = record + "; DNS may need some minutes to show it everywhere"
	near := slices.IndexFunc(c.Found, func(v string) bool { return strings.Contains(strings.ToLower(v), c.Value) })
	other := slices.IndexFunc(c.Found, isToken)
	switch {
	case near >= 0:
		c.Detail = fmt.Sprintf("%s holds %s: the token is there, with something around it or in upper case", c.Name, told(c.Found[near]))
		c.Hint = "write exactly " + c.Value + ", without quotation marks"
	case other >= 0:
		c.Detail = fmt.Sprintf("%s holds another token, %s: one of an earlier try, or another issuer's", c.Name, told(c.Found[other]))
		c.Hint = record + "; a name can hold several TXT records, so that another issuer's can stay"
	case len(c.Found) > 0:
		c.Detail = fmt.Sprintf("%s holds TXT records, and none of them is the token; the first is %s", c.Name, told(c.Found[0]))
	default:
		c.Detail = fmt.Sprintf("there is no TXT record at %s", c.Name)
		a.findSlip(ctx, c, record)
	}
}

// told quotes what showable made.
func told(found string) string {
	if len(found) > maxShown {
		found = found[:maxShown] + "..."
	}
	return `"` + found + `"`
}

func isToken(v string) bool {
	return strings.HasPrefix(strings.TrimLeft(v, "\" \t"), protocol.VerifyPrefix)
}

// slip is a name at which a record stands by a common mistake.
type slip struct{ name, detail, hint string }

// slips are the mistakes that are looked for; at most five.
func slips(domain, name, record string) []slip {
	zone, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		zone = domain
	}
	host := strings.TrimSuffix(name, "."+zone)
	twice := "many forms append the zone by themselves: enter only " + host
	list := []slip{
		{name + "." + zone, "it stands at %s: the domain was appended twice", twice},
		{domain, "it stands at %s itself, and not at " + name, record},
		{strings.TrimPrefix(name, "_"), "it stands at %s: the underscore is missing", record},
	}
	if zone != domain {
		_, parent, _ := strings.Cut(domain, ".")
		list = append(list,
			slip{name + "." + domain, "it stands at %s: the domain was appended twice", twice},
			slip{protocol.VerifyLabel + parent, "there is a token at %s, but " + parent + " does not cover " + domain, record})
	}
	return slices.DeleteFunc(list, func(s slip) bool { return len(s.name) > maxNameBytes })
}

// findSlip looks at all of them at once, and tells the first that holds a token. Where nothing answers in time nothing is said.
func (a *Accounts) findSlip(ctx context.Context, c *DomainCheck, record string) {
	list := slips(c.Domain, c.Name, record)
	there := make([]bool, len(list))
	var looking sync.WaitGroup
	for i, s := range list {
		looking.Go(func() {
			values, err := a.o.DNS.TXT(ctx, s.name)
			there[i] = err == nil && slices.ContainsFunc(values, isToken)
		})
	}
	looking.Wait()
	if at := slices.Index(there, true); at >= 0 {
		c.Detail += "; " + fmt.Sprintf(list[at].detail, list[at].name)
		c.Hint = list[at].hint
	}
}

// take takes one of what an issuer may ask for, or refuses.
func take(limiter *rate.Limiter, now time.Time, what string) error {
	r := limiter.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	r.CancelAt(now)
	return &Refusal{
		Kind: TooMany, RetryAfter: wait, Message: "too many " + what + " of this issuer",
		Hint: "try again in " + max(wait.Round(time.Second), time.Second).String(),
	}
}

// days writes a time as people say it, where it is days.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}
