package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"mirnode/internal/strictjson"
)

// keyAlgorithm is the only value that a key entry's alg may have.
const keyAlgorithm = "Ed25519"

// maxKeyValues bounds the values in a key document or file. An entry has five members, so
// there is room for as many entries as fit into MaxKeyDocumentBytes, and for members of others.
const maxKeyValues = 4096

// KeyDocument is what https://{domain}/.well-known/mir.json holds.
type KeyDocument struct {
	Keys     []DomainKey // in the document's order, without those that are ignored
	Problems []string    // the entries that are ignored, and why
}

// KeyFile is what a file of keys holds.
type KeyFile struct {
	Keys     []NamedKey // in the file's order, without those that are ignored
	Problems []string   // the entries that are ignored, and why
}

// NamedKey is a key out of a file, with the name that it has there; "" out of a mir.json.
type NamedKey struct {
	Name string
	Key  DomainKey
}

// ParseKeyDocument reads a mir.json document. Unknown members are ignored, and so is an
// entry that holds no usable key, or that repeats a fingerprint: each is told in Problems.
// The error is an [*Error] with [KeyNotFound], for a document that as a whole is none.
func ParseKeyDocument(data []byte) (KeyDocument, error) {
	root, err := parseKeyJSON(data)
	if err != nil {
		return KeyDocument{}, err
	}
	return keyDocument(root)
}

// ParseKeyFile reads keys from either of two forms: a mir.json document, or an object
// that maps names of any kind to such entries, where a fingerprint may occur under
// several names. What is unusable is treated as in [ParseKeyDocument].
func ParseKeyFile(data []byte) (KeyFile, error) {
	root, err := parseKeyJSON(data)
	if err != nil {
		return KeyFile{}, err
	}
	var file KeyFile
	if keys, ok := root.Lookup("keys"); ok && keys.Kind() == strictjson.Array {
		doc, err := keyDocument(root)
		for _, k := range doc.Keys {
			file.Keys = append(file.Keys, NamedKey{Key: k})
		}
		file.Problems = doc.Problems
		return file, err
	}
	for i := range root.Len() {
		m := root.Member(i)
		key, err := keyEntry(m.Value)
		if err != nil {
			file.Problems = append(file.Problems, fmt.Sprintf("the entry %s is ignored: %v", quote(m.Name.Text), err))
			continue
		}
		file.Keys = append(file.Keys, NamedKey{Name: m.Name.Text, Key: key})
	}
	return file, nil
}

func parseKeyJSON(data []byte) (strictjson.Value, error) {
	const hint = `a key document is {"keys":[{"pub":"…","fingerprint":"…","alg":"Ed25519","created":"…","expires":null}]}`
	if len(data) > MaxKeyDocumentBytes {
		return strictjson.Value{}, refuse(KeyNotFound, hint, "the key document is larger than %d bytes", MaxKeyDocumentBytes)
	}
	root, err := strictjson.Parse(data, strictjson.Limits{Depth: MaxDepth, Values: maxKeyValues})
	if err != nil {
		return strictjson.Value{}, refuse(KeyNotFound, hint, "the key document cannot be read: %v", err)
	}
	if root.Kind() != strictjson.Object {
		return strictjson.Value{}, refuse(KeyNotFound, hint, "the key document is %v instead of an object", root.Kind())
	}
	return root, nil
}

func keyDocument(root strictjson.Value) (KeyDocument, error) {
	keys, ok := root.Lookup("keys")
	if !ok || keys.Kind() != strictjson.Array {
		return KeyDocument{}, refuse(KeyNotFound, "put the keys into an array called keys", "the key document has no array called keys")
	}
	var doc KeyDocument
	seen := make(map[string]bool)
	for i := range keys.Len() {
		key, err := keyEntry(keys.Element(i))
		if err == nil && seen[key.Fingerprint] {
			err = errors.New("an entry before it has the same key")
		}
		if err != nil {
			doc.Problems = append(doc.Problems, fmt.Sprintf("keys[%d] is ignored: %v", i, err))
			continue
		}
		seen[key.Fingerprint] = true
		doc.Keys = append(doc.Keys, key)
	}
	return doc, nil
}

// keyEntry reads one entry. Its errors are for people, and stand in Problems.
func keyEntry(entry strictjson.Value) (DomainKey, error) {
	if entry.Kind() != strictjson.Object {
		return DomainKey{}, fmt.Errorf("it is %v instead of an object", entry.Kind())
	}
	text := func(name string) string {
		v, _ := entry.Lookup(name)
		return v.Text()
	}
	if alg := text("alg"); alg != keyAlgorithm {
		return DomainKey{}, fmt.Errorf("its alg is %s instead of %q", quote(alg), keyAlgorithm)
	}
	pub, err := ParsePublicKey(text("pub"))
	if refusal, ok := errors.AsType[*Error](err); ok {
		return DomainKey{}, errors.New(refusal.Message)
	}
	key := DomainKey{Public: pub, Fingerprint: Fingerprint(pub)}
	if text("fingerprint") != key.Fingerprint {
		return DomainKey{}, fmt.Errorf("its fingerprint is %s, but its key's is %s", quote(text("fingerprint")), key.Fingerprint)
	}
	if key.Created, err = keyTime(entry, "created"); err != nil {
		return DomainKey{}, err
	}
	if key.Expires, err = keyTime(entry, "expires"); err != nil {
		return DomainKey{}, err
	}
	return key, nil
}

// keyTime reads a time that may be absent or null. A time that cannot be read must not
// pass for none: that would lengthen a key's life. Hence the beginning of year 1, which is
// Go's zero time, is refused. So are times whose offset leads out of the years that
// RFC 3339 can write, since nobody could be told them in UTC.
func keyTime(entry strictjson.Value, name string) (time.Time, error) {
	v, ok := entry.Lookup(name)
	if !ok || v.Kind() == strictjson.Null {
		return time.Time{}, nil
	}
	t, ok := parseTimestamp(v.Text())
	if !ok || v.Kind() != strictjson.String {
		return time.Time{}, fmt.Errorf("its %s is no RFC 3339 time: %s", name, quote(v.Literal()))
	}
	if t.IsZero() || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, fmt.Errorf("its %s is not in the years 1 to 9999 UTC: %s", name, quote(v.Literal()))
	}
	return t, nil
}

// JSON returns the document to publish, indented for people, ending in a line feed.
// Problems are not part of it.
func (d KeyDocument) JSON() []byte {
	type entry struct {
		Pub         string  `json:"pub"`
		Fingerprint string  `json:"fingerprint"`
		Alg         string  `json:"alg"`
		Created     string  `json:"created,omitempty"`
		Expires     *string `json:"expires"`
	}
	entries := make([]entry, 0, len(d.Keys))
	for _, k := range d.Keys {
		e := entry{Pub: EncodePublicKey(k.Public), Fingerprint: Fingerprint(k.Public), Alg: keyAlgorithm}
		if !k.Created.IsZero() {
			e.Created = k.Created.UTC().Format(time.RFC3339Nano)
		}
		if !k.Expires.IsZero() {
			expires := k.Expires.UTC().Format(time.RFC3339Nano)
			e.Expires = &expires
		}
		entries = append(entries, e)
	}
	out, err := json.MarshalIndent(map[string]any{"keys": entries}, "", "  ")
	if err != nil {
		panic(err) // strings alone always encode
	}
	return append(out, '\n')
}
