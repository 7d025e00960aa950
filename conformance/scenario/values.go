package scenario

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"mirnode/protocol"
)

// functions are the templates that take something behind a colon.
func functions() map[string]func(p *play, of string) (any, error) {
	return map[string]func(p *play, of string) (any, error){
		"domain":    func(p *play, of string) (any, error) { return p.domain(of), nil },
		"key":       func(p *play, of string) (any, error) { return p.keyPart(of) },
		"hash":      func(_ *play, of string) (any, error) { return hashOf(of), nil },
		"node":      func(p *play, of string) (any, error) { return p.nodePart(of) },
		"b64":       func(_ *play, of string) (any, error) { return base64.StdEncoding.EncodeToString([]byte(of)), nil },
		"b64url":    func(_ *play, of string) (any, error) { return base64.RawURLEncoding.EncodeToString([]byte(of)), nil },
		"urlencode": func(_ *play, of string) (any, error) { return url.QueryEscape(of), nil },
		"upper":     func(_ *play, of string) (any, error) { return strings.ToUpper(of), nil },
		"repeat":    func(_ *play, of string) (any, error) { return repeat(of) },
	}
}

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func repeat(of string) (any, error) {
	count, what, _ := strings.Cut(of, ":")
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n*len(what) > maxExpanded {
		return nil, errors.New("repeat:COUNT:TEXT, of 32 MiB at most")
	}
	return strings.Repeat(what, n), nil
}

func isNow(name string) bool {
	rest, ok := strings.CutPrefix(name, "now")
	rest = strings.TrimPrefix(rest, "ms")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == '-')
}

// instant writes now, now-1h, nowms+6m.
func (p *play) instant(name string) (any, error) {
	rest := strings.TrimPrefix(name, "now")
	layout := "2006-01-02T15:04:05Z"
	if r, ok := strings.CutPrefix(rest, "ms"); ok {
		rest, layout = r, "2006-01-02T15:04:05.000Z"
	}
	at := p.world.Now().UTC()
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil {
			return nil, fmt.Errorf("${%s}: %w", name, err)
		}
		at = at.Add(d)
	}
	return at.Format(layout), nil
}

func (p *play) keyPart(of string) (any, error) {
	name, part, _ := strings.Cut(of, ".")
	public := publicOf(p.key(name))
	switch part {
	case "pub":
		return protocol.EncodePublicKey(public), nil
	case "fingerprint":
		return protocol.Fingerprint(public), nil
	case "txt":
		return protocol.KeyRecord(public), nil
	case "loose": // the same 32 bytes, with the trailing bits set
		pub := []byte(protocol.EncodePublicKey(public))
		pub[len(pub)-1]++ // the alphabet's next letter: the last one stands for a multiple of 4
		return string(pub), nil
	case "seed":
		return hex.EncodeToString(p.key(name).Seed()), nil
	}
	return nil, errors.New("a key has pub, fingerprint, txt, seed, loose")
}

func (p *play) nodePart(of string) (any, error) {
	number, part, _ := strings.Cut(of, ".")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(p.world.Nodes) {
		return nil, fmt.Errorf("there is no node %q", number)
	}
	node := p.world.Nodes[n-1]
	switch part {
	case "url":
		return node.URL, nil
	case "host": // for a Host header
		_, host, _ := strings.Cut(node.URL, "://")
		return host, nil
	case "operator":
		return node.Operator, nil
	case "domain":
		return node.Domain, nil
	}
	return nil, errors.New("a node has url, host, operator, domain")
}

// saved gives a saved value or an object's part. A saved value's inside is reached by a path.
func (p *play) saved(name string) (any, error) {
	base, path, deeper := strings.Cut(name, ".")
	v, ok := p.vars[base]
	if !ok {
		return nil, fmt.Errorf("${%s}: nothing of this name was saved or made", clip(name))
	}
	if o, ok := v.(*object); ok {
		if !deeper {
			return o.text, nil
		}
		part, ok := o.parts[path]
		if !ok {
			return nil, fmt.Errorf("${%s}: %s has no part %q", clip(name), base, path)
		}
		return part, nil
	}
	if !deeper {
		return v, nil
	}
	inside, ok := lookUp(v, path)
	if !ok {
		return nil, fmt.Errorf("${%s}: %s has nothing at %q", clip(name), base, path)
	}
	return inside, nil
}
