package accounts_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mirnode/accounts"
	"mirnode/protocol"
	"mirnode/store"
)

// TestFormats makes keys of each network, and shows them to the other networks' nodes.
func TestFormats(t *testing.T) {
	forms := map[protocol.Network]*regexp.Regexp{
		protocol.Production:  regexp.MustCompile(`^mir_[0-9A-Za-z]{43}$`),
		protocol.Staging:     regexp.MustCompile(`^mir_staging_[0-9A-Za-z]{43}$`),
		protocol.Development: regexp.MustCompile(`^mir_dev_[0-9A-Za-z]{43}$`),
	}
	nodes, keys := map[protocol.Network]*accounts.Accounts{}, map[protocol.Network]string{}
	for network, form := range forms {
		nodes[network] = newWorld(t).accounts(t, func(o *accounts.Options) { o.Network = network })
		_, keys[network] = create(t, nodes[network], "News")
		if !form.MatchString(keys[network]) {
			t.Errorf("a key of %s is no %s", network, form)
		}
	}
	for at, a := range nodes {
		for of, key := range keys {
			caller, err := a.Authenticate(key)
			if at == of {
				if err != nil || !caller.Has(accounts.ScopeManage) || caller.Need(accounts.ScopeWrite) != nil {
					t.Errorf("%s: %+v, %v", at, caller, err)
				}
				continue
			}
			wantKind(t, "another network's key", err, accounts.Unauthenticated)
			if !strings.Contains(err.Error(), string(of)) {
				t.Errorf("%s's key at %s: %v", of, at, err)
			}
		}
	}
}

// TestSecrets sees to it that keys are neither kept nor logged, and die at once.
func TestSecrets(t *testing.T) {
	w := newWorld(t)
	a := w.accounts(t)
	id, first := create(t, a, "News")
	second, key, err := a.NewAPIKey(t.Context(), id, "build server", []accounts.Scope{accounts.ScopeWrite, accounts.ScopeLookup, accounts.ScopeWrite}, time.Time{})
	if err != nil || !slices.Equal(key.Scopes, []accounts.Scope{accounts.ScopeLookup, accounts.ScopeWrite}) {
		t.Fatalf("%+v, %v", key, err)
	}
	caller, err := a.Authenticate(second)
	if err != nil || caller.Issuer != id || caller.KeyID != key.ID {
		t.Errorf("%+v, %v", caller, err)
	}
	wantKind(t, "managing with a key for writing", caller.Need(accounts.ScopeManage), accounts.Forbidden)

	third, rotated, err := a.RotateAPIKey(t.Context(), id, key.ID)
	if err != nil || rotated.Label != "build server" || !slices.Equal(rotated.Scopes, key.Scopes) || third == second {
		t.Errorf("%+v, %v", rotated, err)
	}
	_, err = a.Authenticate(second)
	wantKind(t, "the key before the rotation", err, accounts.Unauthenticated)

	w.failPut = store.ErrReadOnly // a full disk does not keep a stolen key alive
	if err := a.RevokeAPIKey(t.Context(), id, rotated.ID); !errors.Is(err, store.ErrReadOnly) {
		t.Error(err)
	}
	_, err = a.Authenticate(third)
	wantKind(t, "a revoked key", err, accounts.Unauthenticated)
	w.failPut = nil
	if err := a.RevokeAPIKey(t.Context(), id, rotated.ID); err != nil {
		t.Error(err)
	}
	wantKind(t, "revoking twice", a.RevokeAPIKey(t.Context(), id, rotated.ID), accounts.NotFound)
	_, _, err = a.RotateAPIKey(t.Context(), id, "key_nothing")
	wantKind(t, "rotating nothing", err, accounts.NotFound)

	again := w.accounts(t)
	if _, err := again.Authenticate(first); err != nil {
		t.Errorf("a restart lost a key: %v", err)
	}
	_, err = again.Authenticate(third)
	wantKind(t, "a revoked key after a restart", err, accounts.Unauthenticated)
	for _, secret := range []string{first, second, third} {
		random := secret[len(secret)-43:]
		if strings.Contains(w.logged.String(), random) || strings.Contains(string(w.state[id]), random) || err != nil && strings.Contains(err.Error(), random) {
			t.Error("a key is kept or told")
		}
	}
}

// TestKeyBounds holds new keys to their bounds.
func TestKeyBounds(t *testing.T) {
	w := newWorld(t)
	a := w.accounts(t)
	id, _ := create(t, a, "News")
	scopes := []accounts.Scope{accounts.ScopeLookup}
	for name, c := range map[string]struct {
		label   string
		scopes  []accounts.Scope
		expires time.Time
	}{
		"no scope":      {"", nil, time.Time{}},
		"unknown scope": {"", []accounts.Scope{"root"}, time.Time{}},
		"long label":    {strings.Repeat("x", 101), scopes, time.Time{}},
		"past":          {"", scopes, now().Add(-time.Hour)},
	} {
		_, _, err := a.NewAPIKey(t.Context(), id, c.label, c.scopes, c.expires)
		wantKind(t, name, err, accounts.Invalid)
	}
	for i := range accounts.DefaultMaxAPIKeys - 1 {
		if _, _, err := a.GiveAPIKey(t.Context(), id, strings.Repeat("\u2028", 100), scopes, time.Time{}); err != nil {
			t.Fatalf("key %d: %v", i+2, err)
		}
	}
	_, _, err := a.NewAPIKey(t.Context(), id, "", scopes, time.Time{})
	wantKind(t, "a 33rd key", err, accounts.Invalid)
	if list, err := a.APIKeys(t.Context(), id); err != nil || len(list) != 32 {
		t.Errorf("%d keys, %v", len(list), err)
	}
}

// An issuer makes so many keys a day, whatever it revokes and however often the node starts; the operator makes more, and rotating makes none.
func TestKeysADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.accounts(t)
		id, _ := create(t, a, "News")
		scopes := []accounts.Scope{accounts.ScopeLookup}
		for i := range accounts.MaxKeysADay {
			_, key, err := a.NewAPIKey(t.Context(), id, "", scopes, time.Time{})
			if err != nil {
				t.Fatalf("key %d: %v", i+1, err)
			}
			if err := a.RevokeAPIKey(t.Context(), id, key.ID); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		a = w.accounts(t) // the node starts anew
		_, _, err := a.NewAPIKey(t.Context(), id, "", scopes, time.Time{})
		wantKind(t, "one key too many", err, accounts.TooMany)
		var refusal *accounts.Refusal
		if !errors.As(err, &refusal) || refusal.RetryAfter != 24*time.Hour-accounts.MaxKeysADay*time.Minute {
			t.Errorf("it may be tried again in %v", refusal.RetryAfter)
		}
		_, key, err := a.GiveAPIKey(t.Context(), id, "", scopes, time.Time{})
		if err != nil {
			t.Errorf("the operator: %v", err)
		}
		if _, _, err := a.RotateAPIKey(t.Context(), id, key.ID); err != nil {
			t.Errorf("rotating: %v", err)
		}
		time.Sleep(refusal.RetryAfter)
		if _, _, err := a.NewAPIKey(t.Context(), id, "", scopes, time.Time{}); err != nil {
			t.Errorf("a day later: %v", err)
		}
		_, _, err = a.NewAPIKey(t.Context(), id, "", scopes, time.Time{})
		wantKind(t, "a second one then", err, accounts.TooMany)
	})
}

// TestExpiryAndUse follows a key until it expires, and sees its last use written once an hour at most.
func TestExpiryAndUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.accounts(t)
		run(t, a)
		id, _ := create(t, a, "News")
		secret, key, err := a.NewAPIKey(t.Context(), id, "", []accounts.Scope{accounts.ScopeLookup}, time.Now().Add(3*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		w.set(func() { w.puts = 0 })
		for range 170 {
			time.Sleep(time.Minute)
			if _, err := a.Authenticate(secret); err != nil {
				t.Fatal(err)
			}
		}
		if w.set(func() {}); w.puts < 2 || w.puts > 3 {
			t.Errorf("the last use was written %d times in three hours", w.puts)
		}
		used := func(a *accounts.Accounts) time.Time {
			for _, k := range account(t, a, id).APIKeys {
				if k.ID == key.ID {
					return k.LastUsed
				}
			}
			t.Fatal("no such key")
			return time.Time{}
		}
		if got := used(a); time.Since(got) > time.Second {
			t.Errorf("last used %v", got)
		}
		if got := used(w.accounts(t)); got.IsZero() || time.Since(got) > time.Hour+2*time.Minute {
			t.Errorf("after a restart: last used %v", got)
		}
		time.Sleep(time.Hour)
		_, err = a.Authenticate(secret)
		wantKind(t, "an expired key", err, accounts.Unauthenticated)
		if !strings.Contains(err.Error(), "expired") {
			t.Error(err)
		}
	})
}

// FuzzAuthenticate takes nothing but the key itself, and never repeats what it was shown.
func FuzzAuthenticate(f *testing.F) {
	f.Add("mir_dev_" + strings.Repeat("a", 43))
	f.Add("mir_" + strings.Repeat("a", 43))
	f.Add("mir_staging_" + strings.Repeat("a", 43))
	f.Add("mir_YOUR_API_KEY")
	f.Add("")
	f.Fuzz(func(t *testing.T, key string) {
		a := newWorld(t).accounts(t)
		_, good := create(t, a, "News")
		for _, try := range []string{key, good + key, key + good, good[:len(good)-1] + key, strings.ToUpper(good)} {
			_, err := a.Authenticate(try)
			if (err == nil) != (try == good) {
				t.Errorf("%q: %v", try, err)
			}
			if err != nil && len(try) > 20 && strings.Contains(fmt.Sprint(err), try) {
				t.Errorf("the error repeats the key: %v", err)
			}
		}
	})
}
