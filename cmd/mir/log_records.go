package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"mirnode/protocol"
	"mirnode/translog"
)

const (
	maxRecordsAsked = 1000     // in one request
	maxRecordsBytes = 10 << 20 // of one answer: a node ends it past 8 MiB

	badRecord translog.FindingKind = "record"
)

// recordCheck asks for the bodies that a log's entries commit to, a thousand at a time, and checks each.
type recordCheck struct {
	source *logSource
	queue  []queuedRecord

	report recordsReport
}

type queuedRecord struct {
	index uint64
	entry protocol.Entry
}

// recordsReport says what became of the bodies.
type recordsReport struct {
	Checked uint64 `json:"checked"` // there, and what the entry commits to
	Erased  uint64 `json:"erased"`
	Missing uint64 `json:"missing"`
	Unknown uint64 `json:"unknown"` // of kinds that this program does not know: not asked for

	firstMissing uint64
}

// add is given each entry in order.
func (c *recordCheck) add(ctx context.Context, index uint64, e protocol.Entry) error {
	if !e.Kind.Known() {
		c.report.Unknown++
		return nil
	}
	c.queue = append(c.queue, queuedRecord{index, e})
	if len(c.queue) < maxRecordsAsked {
		return nil
	}
	return c.flush(ctx)
}

// flush checks what is queued.
func (c *recordCheck) flush(ctx context.Context) error {
	for len(c.queue) > 0 {
		answered, err := c.ask(ctx)
		if err != nil {
			return err
		}
		c.queue = c.queue[:copy(c.queue, c.queue[answered:])]
	}
	return nil
}

// ask sends one request and says how many of the queue it answered: at least one.
func (c *recordCheck) ask(ctx context.Context) (int, error) {
	hashes := make([]string, len(c.queue))
	for i, q := range c.queue {
		hashes[i] = hex.EncodeToString(q.entry.Record[:])
	}
	body, err := json.Marshal(map[string][]string{"records": hashes})
	if err != nil {
		return 0, err
	}
	data, err := c.source.request(ctx, http.MethodPost, "records/fetch", body, maxRecordsBytes)
	if err != nil {
		return 0, err
	}
	answered := 0
	for line := range bytes.Lines(data) {
		if answered == len(c.queue) {
			return 0, &exit{exitUnreachable, fmt.Errorf("%w: more records than were asked for", errWrongAnswer)}
		}
		if err := c.judge(c.queue[answered], line); err != nil {
			return 0, err
		}
		answered++
	}
	if answered == 0 {
		return 0, &exit{exitUnreachable, fmt.Errorf("%w: no record where %d were asked for", errWrongAnswer, len(c.queue))}
	}
	return answered, nil
}

// judge looks at the answer for one record.
func (c *recordCheck) judge(q queuedRecord, line []byte) error {
	var answer struct {
		Record string  `json:"record"`
		Body   *string `json:"body"`
		Erased *struct {
			Reason string    `json:"reason"`
			At     time.Time `json:"at"`
		} `json:"erased"`
		Missing bool `json:"missing"`
	}
	if err := json.Unmarshal(line, &answer); err != nil || answer.Record != hex.EncodeToString(q.entry.Record[:]) {
		return &exit{exitUnreachable, fmt.Errorf("%w: another record than was asked for", errWrongAnswer)}
	}
	switch {
	case answer.Body != nil:
		record, err := protocol.ParseRecord(q.entry.Kind, []byte(*answer.Body))
		if err == nil && record.RecordHash() != q.entry.Record {
			err = fmt.Errorf("the body is of another record, %x", record.RecordHash())
		}
		if err != nil {
			return &translog.Finding{Kind: badRecord, Where: fmt.Sprintf("record of entry %d", q.index), Err: err}
		}
		c.report.Checked++
	case answer.Erased != nil:
		c.report.Erased++
	default:
		if c.report.Missing == 0 {
			c.report.firstMissing = q.index
		}
		c.report.Missing++
	}
	return nil
}

// verdict is a finding when bodies are missing.
func (c *recordCheck) verdict() error {
	if c.report.Missing == 0 {
		return nil
	}
	return &translog.Finding{Kind: badRecord, Where: fmt.Sprintf("record of entry %d", c.report.firstMissing),
		Err: fmt.Errorf("the node does not have it, nor %d others", c.report.Missing-1)}
}
