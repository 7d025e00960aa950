package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/verifier"
)

// appendShare is the part of a batch's time that is kept for writing what was verified.
const appendShare = 4 // a quarter

// batchAnswerTime is how long a client may take to read the answer to a batch.
const batchAnswerTime = 30 * time.Second

// batchItem is one claim of a batch on its way. Once done is set it has its answer.
type batchItem struct {
	claim   *protocol.Claim
	verdict verifier.Verdict
	kept    kept
	fault   error
	done    bool
	twin    int // the earlier item that holds the same claim, or -1
}

func (i *batchItem) fail(err error) { i.fault, i.done = err, true }

// batch is one POST /claims/batch.
type batch struct {
	api    *API
	client netip.Addr
	items  []batchItem
	bare   bool // receipts are not wanted
}

// submitBatch is POST /claims/batch.
func (a *API) submitBatch(c *gin.Context) error {
	receipts, err := wantsReceipts(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	client := clientKey(a.client(c))
	place, err := a.batches.take(ctx, client, 1)
	if err != nil {
		return err
	}
	defer place.give()
	if err := setWriteDeadline(c, time.Now().Add(a.work.BatchBodyTime+a.work.BatchDeadline+batchAnswerTime)); err != nil {
		return err
	}
	b := &batch{api: a, client: client, bare: !receipts}
	array, err := b.read(c)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(a.work.BatchDeadline)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	b.findKnown(ctx)
	verifyCtx, cancelVerify := context.WithDeadline(ctx, deadline.Add(-a.work.BatchDeadline/appendShare))
	defer cancelVerify()
	b.verify(verifyCtx)
	b.countDomains()
	b.append(ctx)
	b.settleTwins()
	b.answer(c, array)
	return nil
}

// read takes the items in, parses them, and counts them against the client's budget: the items past it are refused, the others go on.
func (b *batch) read(c *gin.Context) (array bool, err error) {
	body, err := openBody(c, maxBatchBytes, b.api.work.BatchBodyTime)
	if err != nil {
		return false, err
	}
	split, err := newSplitter(&steady{in: body, c: c, until: time.Now().Add(b.api.work.BatchBodyTime)})
	if err != nil {
		return false, batchError(err)
	}
	array = split.array
	for {
		item, tooLong, err := split.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && len(b.items) == maxBatch {
			err = errTooManyItems
		}
		if err != nil {
			return false, batchError(err)
		}
		b.items = append(b.items, parseItem(item, tooLong))
	}
	if err := bodyEnded(c); err != nil {
		return false, err
	}
	b.spend()
	return array, nil
}

// parseItem copies an item out of the splitter's buffer: a claim keeps the bytes that it was parsed from.
func parseItem(item []byte, tooLong bool) batchItem {
	parsed := batchItem{twin: -1}
	if tooLong {
		parsed.fail(tooLarge(maxClaimBody))
		return parsed
	}
	var err error
	if parsed.claim, err = protocol.ParseClaim(bytes.Clone(item)); err != nil {
		parsed.fail(err)
	}
	return parsed
}

func batchError(err error) error {
	switch {
	case errors.Is(err, errNotABatch):
		return badRequest("send [claim, claim, …], or one claim a line", "%v", err)
	case errors.Is(err, errTooManyItems):
		return badRequest(fmt.Sprintf("send at most %d claims at a time", maxBatch), "%v", err)
	}
	return bodyError(err)
}

// spend counts the items; the first was counted when the request came in.
func (b *batch) spend() {
	budget, now := b.api.submit, b.api.Now()
	if len(b.items) < 2 || budget == nil {
		return
	}
	allowed := 1 + budget.takeUpTo(b.client, len(b.items)-1, now)
	for i := allowed; i < len(b.items); i++ {
		b.items[i].fail(b.api.exhausted(budget.name, budget.does, budget.wait(b.client, len(b.items)-allowed, now)))
	}
}

// findKnown answers the claims that are kept already, and finds those that stand twice in the batch.
func (b *batch) findKnown(ctx context.Context) {
	seen := make(map[[32]byte]int, len(b.items))
	for i := range b.items {
		item := &b.items[i]
		if item.done {
			continue
		}
		hash := item.claim.RecordHash()
		if earlier, ok := seen[hash]; ok {
			item.twin, item.done = earlier, true
			continue
		}
		seen[hash] = i
		known, err := b.api.known(ctx, item.claim)
		if err != nil {
			item.fail(err)
		} else if known.duplicate {
			item.kept, item.done = known, true
		}
	}
}

// verify judges what is left, in parallel. What has no verdict when the time is over gets the context's error.
func (b *batch) verify(ctx context.Context) {
	b.spendLookups()
	indexes := b.waiting()
	claims := make([]*protocol.Claim, len(indexes))
	for n, i := range indexes {
		claims[n] = b.items[i].claim
	}
	for n, outcome := range b.api.Verifier.VerifyBatch(ctx, claims, verifier.Policy{}) {
		item := &b.items[indexes[n]]
		b.api.countVerdict(outcome.Verdict, outcome.Err)
		switch {
		case outcome.Err != nil:
			item.fail(outcome.Err)
		case !outcome.Verdict.Accepted():
			item.fail(rejection(outcome.Verdict))
		default:
			item.verdict = outcome.Verdict
		}
	}
}

// spendLookups counts one look-up for each key of the batch that is not in the cache.
func (b *batch) spendLookups() {
	type name struct{ domain, fingerprint string }
	refused := make(map[name]error)
	for _, i := range b.waiting() {
		claim := b.items[i].claim
		key := name{claim.Host(), claim.KeyFingerprint}
		err, asked := refused[key]
		if !asked {
			if !b.api.Keys.Known(key.domain, key.fingerprint) {
				err = b.api.spendLookup(b.client)
			}
			refused[key] = err
		}
		if err != nil {
			b.items[i].fail(err)
		}
	}
}

// countDomains counts what was accepted against its domains' budgets.
func (b *batch) countDomains() {
	budget, now := b.api.perDomain, b.api.Now()
	for _, i := range b.waiting() {
		if host := b.items[i].claim.Host(); !budget.take(host, 1, now) {
			b.items[i].fail(b.api.exhausted(budget.name, budget.does, budget.wait(host, 1, now)))
		}
	}
}

// append keeps all that is left in one transaction.
func (b *batch) append(ctx context.Context) {
	indexes := b.waiting()
	if len(indexes) == 0 {
		return
	}
	claims := make([]store.ClaimToAppend, len(indexes))
	for n, i := range indexes {
		claims[n] = store.ClaimToAppend{Claim: b.items[i].claim, Provenance: provenance(b.items[i].verdict)}
	}
	appended, err := b.api.Store.AppendClaims(ctx, claims)
	for n, i := range indexes {
		item := &b.items[i]
		switch {
		case err != nil:
			item.fail(err)
		case appended[n].Err != nil:
			item.fail(appended[n].Err)
		default:
			item.kept, item.done = keptAs(&appended[n]), true
		}
	}
}

// settleTwins gives each claim that stands twice its first one's answer, as a duplicate.
func (b *batch) settleTwins() {
	for i := range b.items {
		if first := b.items[i].twin; first >= 0 {
			b.items[i].kept, b.items[i].fault = b.items[first].kept, b.items[first].fault
			b.items[i].kept.duplicate = true
		}
	}
}

// waiting lists the items that have no answer yet.
func (b *batch) waiting() []int {
	indexes := make([]int, 0, len(b.items))
	for i := range b.items {
		if !b.items[i].done {
			indexes = append(indexes, i)
		}
	}
	return indexes
}

// answer tells the items' outcomes in their order, in the form that the request had.
func (b *batch) answer(c *gin.Context, array bool) {
	before, between, after, contentType := `{"results":[`, ",", "]}", jsonType
	if !array {
		before, between, after, contentType = "", "\n", "\n", []string{"application/x-ndjson"}
	}
	body := append(make([]byte, 0, 400*len(b.items)+len(before)), before...)
	for i := range b.items {
		if i > 0 {
			body = append(body, between...)
		}
		body = b.appendItem(body, c, i)
	}
	h := c.Writer.Header()
	h["Cache-Control"] = noStore
	writeBody(c, http.StatusOK, contentType, append(body, after...))
}

func (b *batch) appendItem(body []byte, c *gin.Context, i int) []byte {
	item := &b.items[i]
	body = append(body, `{"index":`...)
	body = strconv.AppendInt(body, int64(i), 10)
	body = append(body, `,"status":`...)
	if item.fault != nil {
		p := b.api.problemOf(c.Request.Context(), requestID(c), item.fault)
		if p.status == http.StatusRequestEntityTooLarge {
			p.status = http.StatusBadRequest // the request as a whole was not
		}
		body = strconv.AppendInt(body, int64(p.status), 10)
		return append(p.appendMembers(append(body, ',')), '}')
	}
	status := http.StatusCreated
	if item.kept.duplicate {
		status = http.StatusOK
	}
	b.api.metrics.submitted(status)
	body = strconv.AppendInt(body, int64(status), 10)
	item.kept.bare = b.bare
	return append(appendSubmitted(append(body, ','), &item.kept, "logIndex"), '}')
}
