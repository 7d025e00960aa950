package proof

import (
	"fmt"

	"mirnode/internal/strictjson"
	"mirnode/protocol"
)

// bundle is an answer, taken apart. What it says beside the proof is compared with what was proved.
type bundle struct {
	shown                           strictjson.Value // the member assertion
	record, receipt                 string
	issuer, issuerReceipt           string
	revocation, successor, metadata *further
}

// further is a record with its receipt.
type further struct{ record, receipt string }

// maxBundleValues is above what an answer has: the assertion with an issuer's object and metadata, and the proof.
const maxBundleValues = 256

func parse(data []byte) (*bundle, error) {
	if len(data) > MaxBundleBytes {
		return nil, malformed("it has %d bytes, and at most %d are looked at", len(data), MaxBundleBytes)
	}
	root, err := strictjson.Parse(data, strictjson.Limits{Depth: 8, Values: maxBundleValues})
	if err != nil {
		return nil, malformed("%v", err)
	}
	proof, _ := root.Lookup("proof")
	b := new(bundle)
	if b.shown, _ = root.Lookup("assertion"); b.shown.Kind() != strictjson.Object || proof.Kind() != strictjson.Object {
		return nil, malformed("the members assertion and proof, both objects, are missing")
	}
	for _, m := range []struct {
		name string
		text *string
	}{{"record", &b.record}, {"receipt", &b.receipt}, {"issuer", &b.issuer}, {"issuerReceipt", &b.issuerReceipt}} {
		if *m.text, err = textOf(proof, m.name); err != nil {
			return nil, err
		}
	}
	for _, m := range []struct {
		name string
		into **further
	}{{"revocation", &b.revocation}, {"successor", &b.successor}, {"metadata", &b.metadata}} {
		v, ok := proof.Lookup(m.name)
		if !ok || v.Kind() == strictjson.Null {
			continue
		}
		f := new(further)
		if f.record, err = textOf(v, "record"); err != nil {
			return nil, err
		}
		if f.receipt, err = textOf(v, "receipt"); err != nil {
			return nil, err
		}
		*m.into = f
	}
	return b, nil
}

// textOf reads a member that must be a string. The node writes null for a receipt that it cannot give at the moment.
func textOf(of strictjson.Value, name string) (string, error) {
	v, ok := of.Lookup(name)
	switch {
	case ok && v.Kind() == strictjson.Null:
		return "", malformed("the proof's %s is null: the node has not got the whole of the home's log yet; ask again, or ask the issuer's home", name)
	case v.Kind() != strictjson.String || v.Bad():
		return "", malformed("the proof has no text %s", name)
	}
	return v.Text(), nil
}

func malformed(format string, args ...any) error {
	return &protocol.Error{Code: protocol.InvalidSchema, Message: fmt.Sprintf("this is no answer about an assertion: "+format, args...),
		Hint: "Save the whole answer of GET /assertions/{id}, as `mir assertion get --json` prints it."}
}
