package accounts_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"mirnode/accounts"
	"mirnode/issuers"
	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// homeNode is a node's store and accounts. It is in a bubble.
type homeNode struct {
	store    *store.Store
	accounts *accounts.Accounts
	stop     func()
}

// startHome opens both, as a start of the node with this epoch of its log does.
func startHome(t *testing.T, dir string, epoch int) *homeNode {
	t.Helper()
	dns, n := newWorld(t), new(homeNode)
	origin := protocol.Origin{Domain: home, Network: protocol.Development, Epoch: epoch}
	signer, err := translog.NewSigner(origin.String(), nodeKey)
	if err != nil {
		t.Fatal(err)
	}
	var directory *issuers.Directory
	n.store, err = store.Open(dir, store.Options{Log: &store.LogOptions{Origin: origin, Signer: signer}, Learned: func(r protocol.Record) {
		directory.Learned(r)
		if n.accounts != nil {
			n.accounts.Learned(r)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if directory, err = issuers.New(issuers.Options{Store: n.store, DNS: dns, Keys: dns, Home: home}); err != nil {
		t.Fatal(err)
	}
	n.accounts, err = accounts.New(t.Context(), accounts.Options{
		Store: n.store, Directory: directory, DNS: dns, Home: home, Network: protocol.Development,
		Sign: func(d protocol.IssuerDraft) (*protocol.Issuer, error) { return d.Sign(nodeKey) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := n.accounts.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	n.stop = func() {
		cancel()
		<-done
		if err := n.store.Close(); err != nil {
			t.Error(err)
		}
	}
	return n
}

// listed are the IDs that the operator is shown.
func (n *homeNode) listed(t *testing.T) (ids []string) {
	t.Helper()
	synctest.Wait()
	page, err := n.accounts.Accounts(t.Context(), "", accounts.MaxPage)
	if err != nil {
		t.Fatal(err)
	}
	for i := range page {
		ids = append(ids, page[i].Record.ID)
	}
	return ids
}

// Issuers whose documents were lost are found in the log, and then listed at each start.
func TestIssuersWithoutADocumentAreFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		n := startHome(t, dir, 1)
		var ids []string
		for _, name := range []string{"News", "Museum", "Archive"} {
			id, _ := create(t, n.accounts, name)
			ids = append(ids, id)
		}
		slices.Sort(ids)
		lose := func(space string) {
			all, err := n.store.State(space)
			if err != nil {
				t.Fatal(err)
			}
			for key := range all {
				if err := n.store.PutState(t.Context(), space, key, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		lose("accounts")
		n.stop()
		for start := range 2 { // at the second there are documents
			n = startHome(t, dir, 1)
			if got := n.listed(t); !slices.Equal(got, ids) {
				t.Errorf("start %d: %v, want %v", start, got, ids)
			}
			n.stop()
		}
	})
}

// Peers give the log back while the node runs: an issuer is listed as soon as its record is held.
func TestIssuersThatComeBackAreListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startHome(t, t.TempDir(), 1)
		synctest.Wait()
		record, err := protocol.IssuerDraft{
			Home: home, Nonce: "0123456789abcdef0123456789abcdef", Network: protocol.Development, Name: "News", Status: protocol.IssuerUnverified,
			Sequence: 1, Issued: now(),
		}.Sign(nodeKey)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.store.AppendStatement(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		if got := n.listed(t); !slices.Equal(got, []string{record.ID}) {
			t.Errorf("%v, want %s", got, record.ID)
		}
		n.stop()
	})
}

// With a new epoch of the log each issuer's present record is entered into it, once: a node that never sees the log before holds the issuer by the new one alone.
func TestANewEpochHasEveryIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		n := startHome(t, dir, 1)
		id, _ := create(t, n.accounts, "News")
		if _, err := n.accounts.Rename(t.Context(), id, "Harbour News"); err != nil {
			t.Fatal(err)
		}
		n.stop()
		for range 2 {
			n = startHome(t, dir, 2)
			n.listed(t)
			issuer, record, err := n.store.Issuer(t.Context(), id)
			if err != nil || !record.Own || issuer.Name != "Harbour News" || issuer.Sequence != 2 {
				t.Errorf("%+v, own: %v, %v", issuer, record.Own, err)
			}
			origin := protocol.Origin{Domain: home, Network: protocol.Development, Epoch: 2}.String()
			head, _ := n.store.Head(origin)
			entries, err := n.store.Entries(t.Context(), origin, 0, head.Size)
			if err != nil || len(entries) != 1 || entries[0].Kind != protocol.KindIssuer || entries[0].Record != issuer.RecordHash() {
				t.Errorf("the new log has %+v, %v", entries, err)
			}
			peer, err := store.Open(t.TempDir(), store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			mirrorOf(t, peer, head, entries, issuer)
			if got, _, err := peer.Issuer(t.Context(), id); err != nil || got.Name != "Harbour News" {
				t.Errorf("a peer without the old log: %v", err)
			}
			if err := peer.Close(); err != nil {
				t.Error(err)
			}
			n.stop()
		}
	})
}

// mirrorOf gives a store a log with these entries, and the body of the first.
func mirrorOf(t *testing.T, to *store.Store, head store.Head, entries []protocol.Entry, body protocol.Record) {
	t.Helper()
	origin, err := protocol.ParseOrigin(head.Origin)
	if err != nil {
		t.Fatal(err)
	}
	if err := to.OpenMirror(t.Context(), origin); err != nil {
		t.Fatal(err)
	}
	if err := to.AppendEntries(t.Context(), head.Origin, 0, entries, head.Root, &head.Checkpoint); err != nil {
		t.Fatal(err)
	}
	if err := to.Settle(t.Context(), head.Origin, 0, []store.Outcome{{Index: 0, State: store.Held, Record: body}}); err != nil {
		t.Fatal(err)
	}
}
