package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mirnode/protocol"
	"mirnode/translog"
)

// fakeLog is a log in memory, served in the shapes of a node. It lies when it is told to.
type fakeLog struct {
	origin     string
	signer     ed25519.PrivateKey
	entries    [][]byte
	claims     []*protocol.Claim // of the entries; nil for strangeEntry
	tiles      map[translog.Tile][]byte
	checkpoint translog.Checkpoint
	fault      string // file that names the fault to show; there need be none
	busy       map[string]bool
	forks      []byte // answer of GET /log/forks
}

// witnessKey is the key of the cosigner of all fake logs.
func witnessKey() ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("witness"))
	return ed25519.NewKeyFromSeed(seed[:])
}

// strangeEntry is the index of an entry of a kind that nobody knows yet.
const strangeEntry = 3

const witnessName = "node9.example.com/mir"

// startFakeLog starts a node with a log of N entries, signed with the key of the file; another SALT makes another history. MIR_NODE names it.
// It writes, beside one another, what a client of it would have: claim.json, the claim of entry 1; receipt.tlog-proof and answer.json, its
// receipt, alone and as a node answers it; log.vkey, witness.vkey and witness.pem.
func startFakeLog(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: fakelog ORIGIN KEYFILE N [SALT]")
	}
	private, err := readKeyFile(ts.MkAbs(args[1]))
	ts.Check(err)
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	salt := strings.Join(args[3:], "")
	l := newFakeLog(ts, args[0], private.(ed25519.PrivateKey), n, salt)
	l.fault = ts.MkAbs(".fault")
	l.forks = l.forkList(ts, n)
	server := httptest.NewServer(l)
	ts.Defer(server.Close)
	ts.Setenv(envNode, server.URL)

	receipt := l.receipt(ts, 1)
	answer, err := json.Marshal(map[string]any{"claimId": l.claims[1].ID(), "receipt": string(receipt)})
	ts.Check(err)
	for name, data := range map[string][]byte{
		"claim.json": l.claims[1].Raw(), "other.json": l.claims[2].Raw(), "receipt.tlog-proof": receipt, "answer.json": answer,
		"log.vkey":     []byte(translog.VerifierKey(l.origin, l.signer.Public().(ed25519.PublicKey)) + "\n"),
		"witness.vkey": []byte(translog.VerifierKey(witnessName, witnessKey().Public().(ed25519.PublicKey)) + "\n"),
	} {
		ts.Check(os.WriteFile(ts.MkAbs(name), data, 0o600))
	}
	witness := ts.MkAbs("witness.pem")
	if _, err := os.Stat(witness); err != nil {
		ts.Check(writeKeyFile(witness, witnessKey()))
	}
	ts.Setenv("VKEY", translog.VerifierKey(l.origin, l.signer.Public().(ed25519.PublicKey)))
	hash := sha256.Sum256([]byte(l.origin))
	ts.Setenv("LOGHASH", hex.EncodeToString(hash[:]))
}

// setFault makes the fake logs of this script lie from now on.
func setFault(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: logfault none|busy|NAME")
	}
	ts.Check(os.WriteFile(filepath.Clean(ts.MkAbs(".fault")), []byte(args[0]), 0o600))
}

func newFakeLog(ts *testscript.TestScript, origin string, key ed25519.PrivateKey, n int, salt string) *fakeLog {
	l := &fakeLog{origin: origin, signer: key, tiles: map[translog.Tile][]byte{}, busy: map[string]bool{}}
	at := time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	leaves := make([]translog.Hash, n)
	for i := range n {
		entry := protocol.Entry{IngestedAt: at.Add(time.Duration(i) * time.Second), Kind: "future-thing", Record: sha256.Sum256([]byte(salt))}
		var claim *protocol.Claim
		if i != strangeEntry {
			subject := sha256.Sum256(fmt.Append(nil, salt, i))
			draft := protocol.Draft{Type: "mir.account.created", Domain: "shop.example.com", Subject: hex.EncodeToString(subject[:]), Timestamp: at.Format(time.RFC3339)}
			var err error
			claim, err = draft.Sign(key)
			ts.Check(err)
			entry = protocol.NewEntry(claim, entry.IngestedAt)
		}
		l.entries, l.claims = append(l.entries, entry.Canonical()), append(l.claims, claim)
		leaves[i] = translog.LeafHash(l.entries[i])
	}
	g := translog.Grow(translog.Frontier{}, translog.Tails{}, leaves)
	g.Tiles(func(t translog.Tile, hashes []byte) { l.tiles[translog.Tile{Level: t.Level, Index: t.Index}] = hashes })
	l.sign(ts, g.Size(), g.Root())
	return l
}

// sign signs a head, and has it cosigned.
func (l *fakeLog) sign(ts *testscript.TestScript, size uint64, root translog.Hash) {
	signer, err := translog.NewSigner(l.origin, l.signer)
	ts.Check(err)
	l.checkpoint, err = translog.SignCheckpoint(signer, size, root)
	ts.Check(err)
	cosigner, err := translog.NewCosigner(witnessName, witnessKey(), func() time.Time { return time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC) })
	ts.Check(err)
	line, err := cosigner.Cosign(l.checkpoint)
	ts.Check(err)
	l.checkpoint, err = translog.AddSignatures(l.checkpoint, line)
	ts.Check(err)
}

func (l *fakeLog) ReadTile(_ context.Context, t translog.Tile) ([]byte, error) {
	data := l.tiles[translog.Tile{Level: t.Level, Index: t.Index}]
	if len(data) < t.Width*translog.HashSize {
		return nil, errors.New("no such tile")
	}
	return data[:t.Width*translog.HashSize], nil
}

func (l *fakeLog) receipt(ts *testscript.TestScript, index uint64) []byte {
	proof, err := translog.InclusionProof(context.Background(), l, index, l.checkpoint.Size)
	ts.Check(err)
	return translog.Receipt{Index: index, Entry: l.entries[index], Proof: proof, Checkpoint: l.checkpoint.Note}.Marshal()
}

// forkList is an answer with a proof that the log has another history beside this one.
func (l *fakeLog) forkList(ts *testscript.TestScript, n int) []byte {
	other := newFakeLog(ts, l.origin, l.signer, n+1, "other history")
	fork, err := translog.ProveFork(context.Background(), other, l.checkpoint, other.checkpoint)
	ts.Check(err)
	list, err := json.Marshal(map[string]any{"forks": []any{map[string]any{
		"origin": l.origin, "foundAt": "2026-11-22T09:00:00Z", "foundBy": "node3.example.com\x1b[31m", "proof": fork,
	}}})
	ts.Check(err)
	return list
}

func (l *fakeLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault, err := os.ReadFile(l.fault)
	if err != nil {
		fault = []byte("none")
	}
	hash := sha256.Sum256([]byte(l.origin))
	path := strings.TrimPrefix(r.URL.Path, "/log/")
	path = strings.TrimPrefix(path, "/mirror/"+hex.EncodeToString(hash[:])+"/")
	if string(fault) == "busy" && !l.busy[path] && strings.HasPrefix(path, "tile/0/000") {
		l.busy[path] = true
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	switch {
	case path == "checkpoint":
		w.Write(l.checkpoint.Note)
	case path == "forks" && string(fault) == "falseforks":
		w.Write(bytes.ReplaceAll(l.forks, []byte("0"), []byte("1")))
	case path == "forks" && string(fault) == "noforks":
		w.Write([]byte(`{"forks":[]}`))
	case path == "forks":
		w.Write(l.forks)
	case path == "/records/fetch":
		l.bodies(w, r, string(fault))
	default:
		l.resource(w, r, path, string(fault))
	}
}

// resource answers a tile or a bundle. Partial tiles at level 0 are gone when the fault says so, as when a log has grown.
func (l *fakeLog) resource(w http.ResponseWriter, r *http.Request, path, fault string) {
	t, entries, err := translog.ParseTilePath(path)
	if err != nil || fault == "missing" && path == "tile/entries/000" || fault == "grown" && t.Width < translog.TileWidth && t.Index == 0 && t.Level == 0 {
		http.NotFound(w, r)
		return
	}
	var data []byte
	if from := int(t.Index) * translog.TileWidth; entries && from < len(l.entries) {
		data = translog.EntryBundle(l.entries[from:min(from+t.Width, len(l.entries))])
	} else if data, err = l.ReadTile(r.Context(), t); err != nil && !entries {
		data = l.tiles[translog.Tile{Level: t.Level, Index: t.Index}]
	}
	data = bytes.Clone(data)
	switch {
	case len(data) == 0:
		http.NotFound(w, r)
		return
	case fault == "tile" && !entries:
		data[len(data)-4] ^= 1 // within the last hash
	case fault == "hash" && entries: // within the last record's hex digits
		if digit := &data[len(data)-4]; *digit == '0' {
			*digit = '1'
		} else {
			*digit = '0'
		}
	case fault == "entry" && entries:
		data[2] ^= 1
	case fault == "endless":
		data = append(data, make([]byte, 1<<20)...)
	}
	w.Write(data)
}

// bodies answers POST /records/fetch, at most three records at a time.
func (l *fakeLog) bodies(w http.ResponseWriter, r *http.Request, fault string) {
	var asked struct{ Records []string }
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	known := map[string]*protocol.Claim{}
	for _, c := range l.claims {
		if c != nil {
			hash := c.RecordHash()
			known[hex.EncodeToString(hash[:])] = c
		}
	}
	first := l.claims[0].RecordHash()
	for i, record := range asked.Records[:min(3, len(asked.Records))] {
		line := map[string]any{"record": record, "kind": "claim"}
		switch c := known[record]; {
		case c == nil || fault == "nobody" && i == 1:
			line["missing"] = true
		case record == hex.EncodeToString(first[:]):
			line["erased"] = map[string]string{"reason": "a court said so", "at": "2026-11-22T09:00:00Z"}
		case fault == "body":
			line["body"] = string(l.claims[0].Raw())
		default:
			line["body"] = string(c.Raw())
		}
		text, err := json.Marshal(line)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		w.Write(append(text, '\n'))
	}
}

// alterReceipt writes a receipt that is altered in one place.
func alterReceipt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: alter entry|proof|signature RECEIPT NEW")
	}
	r, err := translog.ParseReceipt([]byte(ts.ReadFile(args[1])))
	ts.Check(err)
	switch args[0] {
	case "entry":
		r.Entry = bytes.Replace(r.Entry, []byte("07:00"), []byte("06:00"), 1)
	case "proof":
		r.Proof[0][0] ^= 1
	case "signature":
		text, line, _ := strings.Cut(string(r.Checkpoint), "\n\n")
		lines := strings.SplitAfter(line, "\n")
		at := strings.LastIndex(lines[0], " ") + 1
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(lines[0][at:]))
		ts.Check(err)
		raw[10] ^= 1
		lines[0] = lines[0][:at] + base64.StdEncoding.EncodeToString(raw) + "\n"
		r.Checkpoint = []byte(text + "\n\n" + strings.Join(lines, ""))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), r.Marshal(), 0o600))
}
