package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"mirnode/protocol"
	"mirnode/translog"
)

// witnessSpace is where it stands which head of each origin we cosigned last at its origin's request.
const witnessSpace = "witness"

// witnessCatchUp is how long a request for a cosignature may wait for our mirror to come up to it.
const witnessCatchUp = 2 * time.Second

// witnessState are the heads that we cosigned. The zero value is ready.
type witnessState struct {
	mu     sync.Mutex
	loaded bool                  // owned by mu
	heads  map[string]signedHead // owned by mu; by origin
}

// signedHead is a head that we cosigned.
type signedHead struct {
	Size uint64        `json:"size"`
	Root translog.Hash `json:"root"`
}

// AddCheckpoint is the witness's side of c2sp.org/tlog-witness, add-checkpoint: it takes a request's body, and returns the answer's body and
// HTTP status. With 200 these are signature lines; with 409 the size that we cosigned last, of content type text/x.tlog.size (empty where the
// same size was shown with another root); else the body is empty and err says why, fit for the sender.
//
// A checkpoint is cosigned only when our mirror holds all of it durably, with the same root: a cosignature of ours is also the word that the
// entries are kept here. A mirror that is behind is pulled at once, for two seconds at most; then the answer is 503.
func (m *Mirror) AddCheckpoint(ctx context.Context, body []byte) (answer []byte, status int, err error) {
	request, err := translog.ParseAddCheckpoint(body)
	if err != nil {
		return nil, http.StatusBadRequest, err
	}
	name, err := translog.NoteOrigin(request.Note)
	if err != nil {
		return nil, http.StatusBadRequest, err
	}
	key, ok := m.book.OriginKey(name)
	origin, parseErr := protocol.ParseOrigin(name)
	if !ok || parseErr != nil {
		return nil, http.StatusNotFound, fmt.Errorf("%w here", ErrNotAdmitted)
	}
	known, err := m.cosignedLast(name)
	if err != nil {
		return nil, http.StatusServiceUnavailable, errors.New("this node cannot read what it cosigned")
	}
	c, err := request.Verify(key, known.Size, known.Root)
	if err != nil {
		return m.refuseCheckpoint(ctx, origin, c, err)
	}
	if status, err := m.holds(ctx, origin, c); err != nil {
		return nil, status, err
	}
	return m.cosign(ctx, request, c)
}

// refuseCheckpoint answers a request that failed the protocol's checks.
func (m *Mirror) refuseCheckpoint(ctx context.Context, origin protocol.Origin, c translog.Checkpoint, err error) ([]byte, int, error) {
	conflict, isConflict := errors.AsType[*translog.ConflictError](err)
	switch {
	case errors.Is(err, translog.ErrSignature):
		return nil, http.StatusForbidden, err
	case isConflict && conflict.Roots:
		if p, ok := m.book.Peer(origin.Domain); ok { // two signed heads of one size: a proof as it stands
			if held, ok := m.store.Head(c.Origin); ok && !held.Frozen {
				if key, ok := m.book.OriginKey(c.Origin); ok {
					_ = m.fork(ctx, m.remote(p, origin, key), c) // said in the log
				}
			}
		}
		return nil, http.StatusConflict, err
	case isConflict:
		return strconv.AppendUint(nil, conflict.Size, 10), http.StatusConflict, err
	case errors.Is(err, translog.ErrProof):
		return nil, http.StatusUnprocessableEntity, err
	}
	return nil, http.StatusBadRequest, err
}

// holds makes sure that our mirror holds the checkpoint's entries with its root, and pulls if it does not yet.
func (m *Mirror) holds(ctx context.Context, origin protocol.Origin, c translog.Checkpoint) (status int, err error) {
	head, ok := m.store.Head(c.Origin)
	if !ok || head.Size < c.Size {
		if p, ok := m.book.Peer(origin.Domain); ok {
			bounded, cancel := context.WithTimeout(ctx, witnessCatchUp)
			defer cancel()
			// How it went shows in the head. Requests of one log share pulls, since anybody can send a head that is signed.
			_ = m.fresh.join(bounded, "witness "+c.Origin, func() error {
				flight, cancel := context.WithTimeout(context.WithoutCancel(ctx), witnessCatchUp)
				defer cancel()
				_, err := m.Pull(flight, p, origin, c.Size)
				return err
			})
		}
		head, ok = m.store.Head(c.Origin)
	}
	switch {
	case ok && head.Frozen:
		return http.StatusForbidden, errors.New("this origin signed two histories and is frozen here")
	case !ok || head.Size < c.Size:
		return http.StatusServiceUnavailable, errors.New("this node does not hold these entries yet; ask again later")
	}
	ours := translog.Checkpoint{Origin: head.Origin, Size: head.Size, Root: head.Root}
	root, err := translog.AuthenticatedRoot(ctx, m.store.Tiles(c.Origin), ours, c.Size)
	if err != nil {
		return http.StatusServiceUnavailable, errors.New("this node cannot read its mirror")
	}
	if root == c.Root {
		return http.StatusOK, nil
	}
	if p, ok := m.book.Peer(origin.Domain); ok {
		if key, ok := m.book.OriginKey(c.Origin); ok {
			_ = m.fork(ctx, m.remote(p, origin, key), c)
		}
	}
	return http.StatusUnprocessableEntity, errors.New("the checkpoint contradicts the history that this node holds")
}

// cosign keeps the head as the last one and signs it, if it still follows on the last one: both in one step, so that no older head can come
// after a newer one.
func (m *Mirror) cosign(ctx context.Context, request translog.AddCheckpoint, c translog.Checkpoint) ([]byte, int, error) {
	m.witness.mu.Lock()
	defer m.witness.mu.Unlock()
	if known := m.witness.heads[c.Origin]; known.Size != request.OldSize {
		return strconv.AppendUint(nil, known.Size, 10), http.StatusConflict, &translog.ConflictError{Size: known.Size}
	}
	head := signedHead{Size: c.Size, Root: c.Root}
	value, err := json.Marshal(head)
	if err == nil {
		err = m.store.PutState(ctx, witnessSpace, c.Origin, value)
	}
	if err != nil {
		return nil, http.StatusServiceUnavailable, errors.New("this node cannot keep what it would cosign")
	}
	m.witness.heads[c.Origin] = head
	line, err := m.cosigner.Cosign(c)
	if err != nil {
		return nil, http.StatusServiceUnavailable, errors.New("this node cannot sign now")
	}
	m.stats.cosigned.Add(1)
	return line, http.StatusOK, nil
}

// cosignedLast returns the head that we cosigned last; size 0: none.
func (m *Mirror) cosignedLast(origin string) (signedHead, error) {
	w := &m.witness
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.loaded {
		kept, err := m.store.State(witnessSpace)
		if err != nil {
			return signedHead{}, err
		}
		w.heads = make(map[string]signedHead, len(kept))
		for name, value := range kept {
			var head signedHead
			if err := json.Unmarshal(value, &head); err != nil {
				return signedHead{}, fmt.Errorf("what was cosigned of %s: %w", name, err)
			}
			w.heads[name] = head
		}
		w.loaded = true
	}
	return w.heads[origin], nil
}
