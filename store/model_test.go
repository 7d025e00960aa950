package store_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mirnode/protocol"
	"mirnode/store"
)

// model is what the store must be like from outside: a list.
type model struct {
	dir     string
	store   *store.Store
	now     time.Time
	claims  []heldClaim // by sequence
	reasons map[int]string
}

type heldClaim struct {
	made  made
	claim *protocol.Claim
	at    time.Time
}

func (m *model) options() store.Options {
	return store.Options{MergeClaims: 16, ScanKeys: 7, Now: func() time.Time { return m.now }}
}

func (m *model) open(t *rapid.T) {
	s, err := store.Open(m.dir, m.options())
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	m.store = s
}

// drawMade draws from few values, so that claims share subjects, domains, types, times and identities.
func drawMade(t *rapid.T) made {
	id := rapid.Uint64Range(1, 150).Draw(t, "id")
	return made{
		id: id, subject: int(id % 3), domain: fmt.Sprintf("%c.example", 'a'+id%4),
		typ: []string{"mir.account.created", "mir.account.closed"}[id%2], at: noon.Add(time.Duration(id%5) * time.Second),
	}
}

func (m *model) find(sigHash [32]byte) int {
	return slices.IndexFunc(m.claims, func(h heldClaim) bool { return h.claim.SigHash() == sigHash })
}

func (m *model) append(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(-3, 3).Draw(t, "clock")) * time.Second)
	drawn := rapid.SliceOfN(rapid.Custom(drawMade), 1, 25).Draw(t, "batch")
	batch := make([]store.ClaimToAppend, len(drawn))
	for i, d := range drawn {
		claim, err := protocol.ParseClaim(d.document())
		if err != nil {
			t.Fatal(err)
		}
		batch[i].Claim = claim
	}
	answers, err := m.store.AppendClaims(context.Background(), batch)
	if err != nil {
		t.Fatalf("AppendClaims: %v", err)
	}
	at := m.now
	if n := len(m.claims); n > 0 && m.claims[n-1].at.After(at) {
		at = m.claims[n-1].at
	}
	for i, answer := range answers {
		known := m.find(batch[i].Claim.SigHash())
		var erased *store.ErasedError
		switch {
		case known < 0:
			m.claims = append(m.claims, heldClaim{drawn[i], batch[i].Claim, at})
			m.checkRecord(t, answer.Record, len(m.claims)-1)
			if answer.Duplicate || answer.Err != nil {
				t.Fatalf("a new claim is answered %+v", answer)
			}
		case m.reasons[known] != "":
			if !errors.As(answer.Err, &erased) || erased.Reason != m.reasons[known] {
				t.Fatalf("an erased claim is answered %+v", answer)
			}
		default:
			m.checkRecord(t, answer.Record, known)
			if !answer.Duplicate || answer.Err != nil {
				t.Fatalf("a known claim is answered %+v", answer)
			}
		}
	}
}

func (m *model) checkRecord(t *rapid.T, r store.Record, i int) {
	want := m.claims[i]
	if r.Seq != uint64(i+1) || !r.IngestedAt.Equal(want.at) || !r.ClaimedAt.Equal(want.made.at) || !bytes.Equal(r.Raw, want.claim.Raw()) ||
		r.SigHash != want.claim.SigHash() || r.RecordHash != want.claim.RecordHash() {
		t.Fatalf("record %+v is not the model's %d, %+v", r, i+1, want)
	}
}

func (m *model) erase(t *rapid.T) {
	if len(m.claims) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.claims)-1).Draw(t, "which")
	err := m.store.EraseClaim(context.Background(), m.claims[i].claim.SigHash(), "because", nil)
	var erased *store.ErasedError
	if was := m.reasons[i] != ""; was != errors.As(err, &erased) || !was && err != nil {
		t.Fatalf("erasing %d (erased before: %v): %v", i, was, err)
	}
	m.reasons[i] = "because"
}

func (m *model) lookUp(t *rapid.T) {
	claim, err := protocol.ParseClaim(drawMade(t).document())
	if err != nil {
		t.Fatal(err)
	}
	i := m.find(claim.SigHash())
	record, err := m.store.Claim(context.Background(), claim.SigHash())
	var erased *store.ErasedError
	switch {
	case i < 0 && errors.Is(err, store.ErrNotFound):
	case i >= 0 && m.reasons[i] != "" && errors.As(err, &erased):
	case i >= 0 && m.reasons[i] == "" && err == nil:
		m.checkRecord(t, record, i)
	default:
		t.Fatalf("model index %d: %+v, %v", i, record, err)
	}
}

func (m *model) query(t *rapid.T) {
	like := drawMade(t)
	q := store.Query{Limit: rapid.IntRange(1, 9).Draw(t, "limit")}
	shape := rapid.IntRange(1, 7).Draw(t, "shape")
	if shape&1 != 0 {
		q.Subject = subject(like.subject)
	}
	if shape&2 != 0 || shape&1 == 0 {
		q.Domain = like.domain
	}
	if shape&4 != 0 {
		q.Type = like.typ
	}
	if rapid.Bool().Draw(t, "after") {
		q.After = like.at.Add(-2 * time.Second)
	}
	if rapid.Bool().Draw(t, "before") {
		q.Before = like.at.Add(2 * time.Second)
	}
	var want, got []int
	for i, h := range m.claims {
		if m.reasons[i] == "" && (q.Subject == "" || h.claim.Subject == q.Subject) && (q.Domain == "" || h.claim.Host() == q.Domain) &&
			(q.Type == "" || h.claim.Type == q.Type) && (q.After.IsZero() || h.made.at.After(q.After)) && (q.Before.IsZero() || h.made.at.Before(q.Before)) {
			want = append(want, i)
		}
	}
	slices.SortFunc(want, func(a, b int) int { return cmp.Or(m.claims[b].made.at.Compare(m.claims[a].made.at), cmp.Compare(b, a)) })
	for {
		page, err := m.store.Find(context.Background(), q)
		if err != nil || len(page.Records) > q.Limit {
			t.Fatalf("Find(%+v): %d records, %v", q, len(page.Records), err)
		}
		for _, r := range page.Records {
			m.checkRecord(t, r, int(r.Seq)-1)
			got = append(got, int(r.Seq)-1)
		}
		if q.Cursor = page.Cursor; q.Cursor == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("Find(%+v) gives %v, want %v", q, got, want)
	}
}

func (m *model) reopen(t *rapid.T) {
	if err := m.store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if rapid.IntRange(0, 3).Draw(t, "lose the index") == 0 {
		if err := os.Remove(m.dir + "/index.db"); err != nil {
			t.Fatal(err)
		}
	}
	m.open(t)
}

// TestStoreIsLikeAList compares random histories with a list. Merges run beside them all the time, being of 16 claims.
func TestStoreIsLikeAList(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "store-model")
		if err != nil {
			t.Fatal(err)
		}
		m := &model{dir: dir, now: noon, reasons: make(map[int]string)}
		m.open(t)
		defer func() {
			if err := errors.Join(m.store.Close(), os.RemoveAll(dir)); err != nil {
				t.Error(err)
			}
		}()
		t.Repeat(map[string]func(*rapid.T){"append": m.append, "erase": m.erase, "look up": m.lookUp, "query": m.query, "reopen": m.reopen})
	})
}
