package scenario

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"mirnode/conformance/cases"
)

// Bounds of what is hidden in reports.
const (
	minSecret  = 8       // bytes: what is shorter stands in too many texts by chance
	maxSecret  = 1 << 10 // bytes
	maxSecrets = 2000    // of a run; a run meets some hundreds. The given ones come first and are never forgotten
	minPart    = 10      // bytes of a secret that was cut off: API keys begin with some that are no secret
	hidden     = "(hidden)"
)

// secrets are the API keys that a run was given or has met. Reports are passed on, and nodes answer with what they like: so they are taken out of everything that a
// case says, in whatever place and in all common spellings. Safe for concurrent use.
type secrets struct {
	mu       sync.Mutex
	known    map[string]bool
	spelled  []string
	replacer *strings.Replacer   // of spelled; nil: is to be made
	begins   map[string][]string // spelled, by their beginnings
}

// keyInAnswer finds API keys in JSON, wherever they stand.
var keyInAnswer = regexp.MustCompile(`"apiKey"\s*:\s*("(?:[^"\\]|\\.)*")`)

// learn takes note of the API keys in an answer.
func (s *secrets) learn(answer []byte) {
	if !bytes.Contains(answer, []byte(`"apiKey"`)) {
		return
	}
	for _, found := range keyInAnswer.FindAllSubmatch(answer, maxSecrets) {
		var key string
		if json.Unmarshal(found[1], &key) == nil {
			s.add(key)
		}
		s.add(string(found[1][1 : len(found[1])-1])) // as it was spelled
	}
}

// add takes note of a secret.
func (s *secrets) add(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(secret) < minSecret || len(secret) > maxSecret || s.known[secret] || len(s.known) >= maxSecrets {
		return
	}
	if s.known == nil {
		s.known, s.begins = map[string]bool{}, map[string][]string{}
	}
	s.known[secret], s.replacer = true, nil
	for _, spelling := range spellings(secret) {
		s.spelled = append(s.spelled, spelling)
		begin := spelling[:min(minPart, len(spelling))]
		s.begins[begin] = append(s.begins[begin], spelling)
	}
}

// spellings are those in which a secret may come back.
func spellings(secret string) []string {
	all := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret), hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret)))}
	if quoted, err := json.Marshal(secret); err == nil {
		all = append(all, string(quoted[1:len(quoted)-1]))
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for before := range 3 { // bytes of another text, by which the letters are others
			text := encoding.EncodeToString(append(make([]byte, before), secret...))
			all = append(all, text[(before*8+5)/6:(before+len(secret))*8/6])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// hide takes the secrets out of a text, also those of which a beginning is left where the text was cut.
func (s *secrets) hide(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) == 0 || len(text) < minSecret {
		return text
	}
	if s.replacer == nil {
		slices.SortFunc(s.spelled, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) }) // the longest is tried first
		pairs := make([]string, 0, 2*len(s.spelled))
		for _, spelling := range s.spelled {
			pairs = append(pairs, spelling, hidden)
		}
		s.replacer = strings.NewReplacer(pairs...)
	}
	const cut = "…"
	pieces := strings.Split(s.replacer.Replace(text), cut)
	for i, piece := range pieces {
		pieces[i] = s.hideEnd(piece)
	}
	return strings.Join(pieces, cut)
}

// hideEnd takes away the beginning of a secret at the end of a text. The caller holds the mutex.
func (s *secrets) hideEnd(text string) string {
	for i := max(0, len(text)-3*maxSecret); i+minPart <= len(text); i++ { // no spelling is longer than three times the secret, but for HTML's
		for _, spelling := range s.begins[text[i:i+minPart]] {
			if strings.HasPrefix(spelling, text[i:]) {
				return text[:i] + hidden
			}
		}
	}
	return text
}

// clean takes the secrets out of what is told of a case, and cuts the exchanges to what is kept of them.
func (s *secrets) clean(found *cases.Finding) {
	found.Message, found.Choice, found.Skipped = s.hide(found.Message), s.hide(found.Choice), s.hide(found.Skipped)
	for i := range found.Exchanges {
		e := &found.Exchanges[i]
		e.What = s.hide(e.What)
		e.Sent, e.Received = cutTo([]byte(s.hide(string(e.Sent))), maxKept), cutTo([]byte(s.hide(string(e.Received))), maxKept)
	}
}
