package protocol_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"mirnode/protocol"
)

func repeated(s string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = s
	}
	return all
}

// TestMetadataEdges tries each limit at its edge, in what a home is given and in what it logs.
func TestMetadataEdges(t *testing.T) {
	const wide = "\U0001F600"
	type metadata = protocol.AssertionMetadata
	for _, c := range []struct {
		name string
		m    metadata
		want bool
	}{
		{"nothing", metadata{}, true},
		{"a display name of 200", metadata{DisplayName: strings.Repeat(wide, 200)}, true},
		{"a display name of 201", metadata{DisplayName: strings.Repeat("x", 201)}, false},
		{"a display name with a line break", metadata{DisplayName: "a\nb"}, false},
		{"a display name with a tab", metadata{DisplayName: "a\tb"}, false},
		{"a file name of 255", metadata{OriginalFilename: strings.Repeat(wide, 255)}, true},
		{"a file name of 256", metadata{OriginalFilename: strings.Repeat("x", 256)}, false},
		{"a file name with a null", metadata{OriginalFilename: "a\x00b"}, false},
		{"a file name that is no UTF-8", metadata{OriginalFilename: "a\xffb"}, false},
		{"a media type", metadata{ArtifactMimeType: "application/vnd.oasis.opendocument.text"}, true},
		{"a media type of 127 each", metadata{ArtifactMimeType: strings.Repeat("a", 127) + "/" + strings.Repeat("b", 127)}, true},
		{"a media type of 128", metadata{ArtifactMimeType: "a/" + strings.Repeat("b", 128)}, false},
		{"no media type", metadata{ArtifactMimeType: "jpeg"}, false},
		{"a size of 0", metadata{ArtifactByteSize: ptr(uint64(0))}, true},
		{"a size of 2^53-1", metadata{ArtifactByteSize: ptr(uint64(1<<53 - 1))}, true},
		{"a size of 2^53", metadata{ArtifactByteSize: ptr(uint64(1 << 53))}, false},
		{"a context of 500", metadata{Context: strings.Repeat(wide, 500)}, true},
		{"a context of 501", metadata{Context: strings.Repeat("x", 501)}, false},
		{"a context of lines", metadata{Context: "a\n\tb"}, true},
		{"a context with a bell", metadata{Context: "a\ab"}, false},
		{"a context with C1", metadata{Context: "a\u009bb"}, false},
		{"10 tags of 50", metadata{Tags: repeated(strings.Repeat(wide, 50), 10)}, true},
		{"11 tags", metadata{Tags: repeated("x", 11)}, false},
		{"a tag of 51", metadata{Tags: []string{"x", strings.Repeat("x", 51)}}, false},
		{"an empty tag", metadata{Tags: []string{"x", ""}}, false},
		{"a tag of two lines", metadata{Tags: []string{"a\nb"}}, false},
		{"the most of everything", metadata{
			DisplayName: strings.Repeat(wide, 200), OriginalFilename: strings.Repeat(wide, 255), Context: strings.Repeat(wide, 500),
			ArtifactMimeType: strings.Repeat("a", 127) + "/" + strings.Repeat("b", 127), ArtifactByteSize: ptr(uint64(1<<53 - 1)),
			Tags: repeated(strings.Repeat(wide, 50), 10),
		}, true},
	} {
		if err := c.m.Check(); (err == nil) != c.want {
			t.Errorf("%s: %v", c.name, err)
		} else if err != nil {
			wantCode(t, err, protocol.InvalidSchema)
		}
		if got, err := protocol.ParseAssertionMetadata(c.m.Canonical()); (err == nil) != c.want || c.want && !reflect.DeepEqual(*got, c.m) {
			t.Errorf("%s: read %+v, %v", c.name, got, err)
		}
		d := metadataEditDraft()
		d.Metadata = c.m
		e, err := d.Sign(testKey(1))
		if (err == nil) != c.want || c.want && !reflect.DeepEqual(e.Metadata, c.m) {
			t.Errorf("%s: signed %+v, %v", c.name, e, err)
		}
		if a, err := protocol.NewAssertion(testPayload().Encode(), zeroHash, make([]byte, 64), &c.m); (err == nil) != c.want || c.want && (a.Metadata == nil) != c.m.IsZero() {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestParseMetadata(t *testing.T) {
	got, err := protocol.ParseAssertionMetadata([]byte(` {"tags": ["\u0041"], "displayName": "", "artifactByteSize": 1e3} `))
	if err != nil || string(got.Canonical()) != `{"artifactByteSize":1000,"tags":["A"]}` {
		t.Errorf("%+v, %v", got, err)
	}
	for name, text := range map[string]string{
		"nothing": ``, "a list": `[]`, "a note": `{"note":"x"}`, "null": `{"context":null}`, "a number": `{"context":1}`, "half a character": `{"context":"\ud83d"}`,
		"a tag that is none": `{"tags":[1]}`, "tags within tags": `{"tags":[["x"]]}`, "tags in a text": `{"tags":"x"}`, "tags null": `{"tags":null}`,
		"a tag of half a character": `{"tags":["\ud83d"]}`, "a size in a text": `{"artifactByteSize":"1"}`, "a size below 0": `{"artifactByteSize":-1}`,
		"twice": `{"context":"a","context":"a"}`, "many": fmt.Sprintf(`{"tags":[%s"x"]}`, strings.Repeat(`"x",`, 30)),
		"too long": `{"context":"` + strings.Repeat(`\u0078`, 2000) + `"}`,
	} {
		if m, err := protocol.ParseAssertionMetadata([]byte(text)); err == nil {
			t.Errorf("%s: %+v", name, m)
		} else {
			wantCode(t, err, protocol.InvalidSchema)
		}
	}
}

func TestMetadataEditBounds(t *testing.T) {
	for name, change := range map[string]func(*protocol.MetadataEditDraft){
		"no home":                 func(d *protocol.MetadataEditDraft) { d.Home = "" },
		"no network":              func(d *protocol.MetadataEditDraft) { d.Network = "" },
		"no assertion":            func(d *protocol.MetadataEditDraft) { d.AssertionID = "" },
		"a claim":                 func(d *protocol.MetadataEditDraft) { d.AssertionID = "claim_" + zeroHash },
		"no issuer":               func(d *protocol.MetadataEditDraft) { d.IssuerID = "" },
		"sequence 0":              func(d *protocol.MetadataEditDraft) { d.Sequence = 0 },
		"sequence 2^53":           func(d *protocol.MetadataEditDraft) { d.Sequence = 1 << 53 },
		"no time":                 func(d *protocol.MetadataEditDraft) { d.Issued = d.Issued.AddDate(-3000, 0, 0) },
		"metadata out of bounds":  func(d *protocol.MetadataEditDraft) { d.Metadata.Tags = []string{""} },
		"metadata that are wrong": func(d *protocol.MetadataEditDraft) { d.Metadata.ArtifactMimeType = `a/b"` },
	} {
		d := metadataEditDraft()
		change(&d)
		if _, err := d.Sign(testKey(1)); err == nil {
			t.Errorf("%s: signed", name)
		} else {
			wantCode(t, err, protocol.InvalidSchema)
		}
	}
	_, err := metadataEditDraft().Sign(testKey(1)[:32])
	wantCode(t, err, protocol.KeyNotFound)
	d := metadataEditDraft()
	d.AssertionID, d.Home, d.Metadata = strings.ToUpper(d.AssertionID), "Node1.TEST", protocol.AssertionMetadata{}
	e, err := d.Sign(testKey(1))
	if err != nil || e.Home != "node1.test" || protocol.AssertionID(e.AssertionHash()) != e.AssertionID || !strings.Contains(string(e.Raw()), `"metadata":{},`) {
		t.Errorf("%+v, %v", e, err)
	}
}

func FuzzParseAssertionMetadata(f *testing.F) {
	f.Add(testMetadata().Canonical())
	f.Add([]byte(` {"tags":["\u0041"],"displayName":"","artifactByteSize":1e3}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := protocol.ParseAssertionMetadata(data)
		if err != nil {
			mustBeRefusal(t, err, protocol.InvalidSchema)
			return
		}
		again, err := protocol.ParseAssertionMetadata(m.Canonical())
		if err != nil || string(again.Canonical()) != string(m.Canonical()) || m.Check() != nil {
			t.Fatalf("%q became %s: %v", data, m.Canonical(), err)
		}
	})
}
