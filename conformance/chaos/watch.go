package chaos

import (
	"context"
	"net/http"
	"time"
)

const (
	watchEvery    = 500 * time.Millisecond
	watchPatience = time.Second
)

// watch asks a node for its log's head again and again, and keeps each that is another than the one before. Whether they can be of one log is seen in the end.
func (r *run) watch(ctx context.Context, i int) {
	key := r.known(i).key
	if key == nil {
		return
	}
	for sleep(ctx, watchEvery) {
		asking, cancel := context.WithTimeout(ctx, watchPatience)
		status, note, err := r.ask(asking, http.MethodGet, r.Nodes[i].URL+"/log/checkpoint", nil)
		cancel()
		if err != nil || status != http.StatusOK {
			continue
		}
		head, err := key.ParseCheckpoint(note)
		if err != nil {
			r.goesWrong(wrong{promise: oneStory, what: "a head that a node showed does not hold: " + err.Error(), got: note})
			continue
		}
		at := r.at()
		r.change(i+1, func(n *node) {
			if last := len(n.heads) - 1; last >= 0 && n.heads[last].size == head.Size && n.heads[last].root == head.Root {
				return
			}
			n.heads = append(n.heads, seen{at: at, size: head.Size, root: head.Root})
			r.counts.Heads++
		})
	}
}
