package mirror

import (
	"testing"
	"time"
)

// TestANewLogBringsNoNewBudget: a domain's logs share what the domain may send, debts included.
func TestANewLogBringsNoNewBudget(t *testing.T) {
	var b budgets
	b.init(&Limits{EntriesPerSecond: 100, EntriesPerDay: 1000})
	now := time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	if n := b.take("a.test/mir-dev", 10_000, now); n != 400 {
		t.Fatalf("granted %d, want four seconds' worth", n)
	}
	for _, name := range []string{"a.test/mir-dev/2", "a.test/mir-dev/3", "a.test/mir-dev"} {
		if n := b.take(name, 10_000, now); n != 0 {
			t.Errorf("%s was granted %d more", name, n)
		}
	}
	if n := b.take("b.a.test/mir-dev", 10_000, now); n != 400 {
		t.Errorf("another domain was granted %d", n)
	}
	b.charge("a.test/mir-dev/4", 10_000, now)
	if n := b.take("a.test/mir-dev/5", 10_000, now.Add(time.Hour)); n != 0 {
		t.Errorf("in debt for another log, %d were granted", n)
	}
}
