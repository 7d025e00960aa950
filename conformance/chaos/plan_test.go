package chaos_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mirnode/conformance/chaos"
)

func settings(t *rapid.T) chaos.Settings {
	s := chaos.Settings{
		Seed:     rapid.String().Draw(t, "seed"),
		Nodes:    rapid.IntRange(1, 9).Draw(t, "nodes"),
		Duration: time.Duration(rapid.Int64Range(int64(chaos.MinDuration), int64(3*time.Minute)).Draw(t, "duration")),
	}
	for range rapid.IntRange(0, 2).Draw(t, "liars") {
		s.Liars = append(s.Liars, chaos.Liar{Name: "peer", Lies: []string{"fork", "forge"}})
	}
	return s
}

// nodeState is what a node is like at one moment.
type nodeState struct {
	down, paused bool
	offset       time.Duration
}

func TestPlansAreSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := settings(t)
		plan, err := chaos.Draw(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := chaos.Draw(s)
		if err != nil || !reflect.DeepEqual(plan, again) {
			t.Fatal("the same settings gave another plan")
		}
		nodes, cut, last := make([]nodeState, s.Nodes), false, time.Duration(0)
		for i, e := range plan.Events {
			if e.At < last || e.At >= s.Duration {
				t.Fatalf("event %d is at %v, the one before at %v, of %v", i, e.At, last, s.Duration)
			}
			last = e.At
			cut = apply(t, e, nodes, cut)
			if together := i+1 < len(plan.Events) && plan.Events[i+1].At == e.At; !together && s.Nodes > 1 && !slices.Contains(nodes, nodeState{}) {
				t.Fatalf("after %v no node is without a fault: %v", e, nodes)
			}
		}
		if cut {
			t.Fatal("the network stays cut")
		}
		for i, state := range nodes {
			if state != (nodeState{}) {
				t.Fatalf("node %d ends as %+v", i+1, state)
			}
		}
	})
}

// apply does what an event does to nodes that know what may be done to them.
func apply(t *rapid.T, e chaos.Event, nodes []nodeState, cut bool) bool {
	if e.Node != 0 && (e.Node < 1 || e.Node > len(nodes)) {
		t.Fatalf("%v: there is no such node", e)
	}
	var n nodeState
	if e.Node > 0 {
		n = nodes[e.Node-1]
	}
	ok := false
	switch e.Do {
	case chaos.Kill, chaos.Stop:
		ok, n = !n.down && !n.paused, nodeState{down: true}
	case chaos.Start:
		ok, n = n.down, nodeState{offset: e.Offset}
	case chaos.Pause:
		ok, n.paused = !n.down && !n.paused, true
	case chaos.Resume:
		ok, n.paused = n.paused, false
	case chaos.Partition:
		ok, cut = !cut && validGroups(e.Groups, len(nodes)), true
	case chaos.Heal:
		ok, cut = cut, false
	case chaos.Lie:
		ok = e.Peer != "" && e.Lie != ""
	}
	if !ok {
		t.Fatalf("%v at %v makes no sense", e, e.At)
	}
	if e.Node > 0 {
		nodes[e.Node-1] = n
	}
	return cut
}

func validGroups(groups [][]int, nodes int) bool {
	of := make(map[int]int)
	for _, group := range groups {
		if len(group) == 0 || len(group) == nodes || !slices.IsSorted(group) || len(slices.Compact(slices.Clone(group))) != len(group) {
			return false
		}
		for _, node := range group {
			if node < 1 || node > nodes {
				return false
			}
			of[node]++
		}
	}
	return len(of) == nodes && len(groups) > 1
}

func TestSubmissionsAreSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := settings(t)
		plan, err := chaos.Draw(s)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range plan.Submissions {
			ok := x.Number == i && x.Node >= 1 && x.Node <= s.Nodes && x.Domain >= 0 && x.Domain < chaos.Domains && x.At < s.Duration && (i == 0 || x.At > plan.Submissions[i-1].At)
			if ok && x.Sort == chaos.Again {
				of := plan.Submissions[x.Of]
				ok = x.Of < i && of.Sort == chaos.Good && of.Domain == x.Domain
			}
			if ok && x.Sort == chaos.Future {
				ok = x.Ahead > time.Hour
			}
			if !ok {
				t.Fatalf("submission %d makes no sense: %+v", i, x)
			}
		}
		if n := time.Duration(len(plan.Submissions)); n < s.Duration/(200*time.Millisecond) {
			t.Fatalf("only %d submissions in %v", n, s.Duration)
		}
	})
}

func TestPlansDiffer(t *testing.T) {
	s := chaos.Settings{Nodes: 3, Duration: time.Minute, Liars: []chaos.Liar{{Name: "mallory", Lies: []string{"fork"}}}}
	seen := make(map[chaos.Action]bool)
	offsets := 0
	for _, seed := range strings.Split("a b c d e f g h", " ") {
		s.Seed = seed
		plan, err := chaos.Draw(s)
		if err != nil {
			t.Fatal(err)
		}
		if len(plan.Events) < 20 {
			t.Errorf("seed %s: only %d events in a minute", seed, len(plan.Events))
		}
		for _, e := range plan.Events {
			seen[e.Do] = true
			if e.Offset != 0 {
				offsets++
			}
		}
	}
	for _, do := range []chaos.Action{chaos.Kill, chaos.Start, chaos.Stop, chaos.Pause, chaos.Resume, chaos.Partition, chaos.Heal, chaos.Lie} {
		if !seen[do] {
			t.Errorf("eight seeds never %s", do)
		}
	}
	if offsets == 0 {
		t.Error("eight seeds never set a clock wrong")
	}
}

// TestPlanIsTheSameForEver holds one plan to what it was: who has a seed that found something must be able to replay it with a later version.
func TestPlanIsTheSameForEver(t *testing.T) {
	plan, err := chaos.Draw(chaos.Settings{Seed: "7", Nodes: 3, Duration: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range plan.Events {
		got = append(got, e.At.String()+" "+e.String())
	}
	want := []string{
		"1s partition 1 / 2,3 (resets)",
		"5.2s stop node 3",
		"6.9s stop node 2",
		"7.1s start node 3",
		"7.6s heal",
		"8.7s start node 2",
	}
	if !slices.Equal(got, want) {
		t.Errorf("seed 7 is now\n%s", strings.Join(got, "\n"))
	}
	first, err := json.Marshal(plan.Submissions[:3])
	if err != nil {
		t.Fatal(err)
	}
	if want := `[{"at":0,"number":0,"node":2,"domain":0,"sort":"future","ahead":32175000000000},{"at":61000000,"number":1,"node":1,"domain":0,"sort":"good"},{"at":117000000,"number":2,"node":3,"domain":1,"sort":"good"}]`; string(first) != want {
		t.Errorf("the first submissions are now %s", first)
	}
}

func TestDrawRefuses(t *testing.T) {
	good := chaos.Settings{Nodes: 3, Duration: time.Minute}
	for name, change := range map[string]func(*chaos.Settings){
		"no node":             func(s *chaos.Settings) { s.Nodes = 0 },
		"too many nodes":      func(s *chaos.Settings) { s.Nodes = 65 },
		"too short":           func(s *chaos.Settings) { s.Duration = time.Second },
		"too long":            func(s *chaos.Settings) { s.Duration = 2 * time.Hour },
		"a liar without lies": func(s *chaos.Settings) { s.Liars = []chaos.Liar{{Name: "x"}} },
		"too many liars":      func(s *chaos.Settings) { s.Liars = slices.Repeat([]chaos.Liar{{Name: "x", Lies: []string{"y"}}}, 9) },
	} {
		s := good
		change(&s)
		if _, err := chaos.Draw(s); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
