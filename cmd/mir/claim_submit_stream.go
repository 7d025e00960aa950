package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"mirnode/protocol"
)

const (
	// submitBatch is the most claims that are sent in one request; a node takes 1,000.
	submitBatch = 500
	// progressEvery is how often the progress is told on a terminal.
	progressEvery = 500 * time.Millisecond
)

// submitResult is the line that is written for a claim of a stream: the node's, under the claim's number in the whole stream.
type submitResult struct {
	Index  int `json:"index"`
	Status int `json:"status"`
	submitted
}

// submission is the state of one stream.
type submission struct {
	cmd      *cobra.Command
	client   *nodeClient
	retryFor time.Duration
	out      *bufio.Writer
	bar      *progress
	answered bool // the node answered once, so that a broken connection is worth another try
}

// submitLines sends a stream of claims in batches, in order.
func submitLines(cmd *cobra.Command, client *nodeClient, retryFor time.Duration, name string) error {
	in, err := openInput(cmd, name)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // a file that was only read
	s := &submission{cmd: cmd, client: client, retryFor: retryFor, out: bufio.NewWriter(cmd.OutOrStdout()), bar: newProgress(cmd.ErrOrStderr())}
	lines := newLineReader(in)
	for {
		numbered, readErr := lines.block(submitBatch)
		block := make([][]byte, len(numbered))
		for i, line := range numbered {
			block[i] = line.text
		}
		if err := s.batch(cmd.Context(), block); err != nil {
			s.bar.end()
			note(cmd, "Stopped after %s. Run it again: the ones that the node has do no harm.", plural(s.bar.done, "claim"))
			return err
		}
		if errors.Is(readErr, io.EOF) {
			break
		}
		if readErr != nil {
			return readErr
		}
	}
	s.bar.end()
	switch {
	case s.bar.unreachable > 0:
		return &exit{code: exitUnreachable}
	case s.bar.rejected > 0:
		return &exit{code: exitRejected}
	}
	return nil
}

// batch sends the claims of some lines and writes their results. What is no claim is rejected here.
func (s *submission) batch(ctx context.Context, lines [][]byte) error {
	first := s.bar.done
	results := make([]submitResult, len(lines))
	var waiting []int
	for i, line := range lines {
		results[i].Index = first + i
		var refusal *protocol.Error
		claim, err := protocol.ParseClaim(line)
		if errors.As(err, &refusal) {
			results[i].Status = http.StatusBadRequest
			results[i].Error, results[i].Hint, results[i].Code = refusal.Message, refusal.Hint, refusal.Code
			continue
		}
		lines[i] = claim.Raw()
		waiting = append(waiting, i)
	}
	patience := patience{s.retryFor}
	for len(waiting) > 0 {
		left, retryAfter, err := s.send(ctx, lines, waiting, results)
		if err != nil && !s.answered || ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		if waiting = left; len(waiting) > 0 && !patience.wait(ctx, s.cmd, retryAfter) {
			if err != nil {
				return err
			}
			break
		}
	}
	for i := range results {
		if err := printJSON(s.out, &results[i]); err != nil {
			return err
		}
		s.bar.count(results[i])
	}
	s.bar.show(false)
	return s.out.Flush()
}

// send makes one request for the lines that wait, files the results, and returns the lines that are to be sent again.
func (s *submission) send(ctx context.Context, lines [][]byte, waiting []int, results []submitResult) ([]int, time.Duration, error) {
	var body bytes.Buffer
	for _, i := range waiting {
		body.Write(bytes.ReplaceAll(bytes.ReplaceAll(lines[i], []byte("\r"), []byte(" ")), []byte("\n"), []byte(" ")))
		body.WriteByte('\n')
	}
	answer, err := s.client.ask(ctx, http.MethodPost, "/claims/batch", nil, "application/x-ndjson", body.Bytes())
	if err != nil {
		return waiting, 0, err
	}
	if answer.status >= 300 {
		if !answer.busy() {
			return nil, 0, answer.err()
		}
		for _, i := range waiting {
			results[i].Status, results[i].Error = answer.status, http.StatusText(answer.status)
		}
		return waiting, answer.retryAfter, nil
	}
	s.answered = true
	var again []int
	decoder := json.NewDecoder(bytes.NewReader(answer.body))
	for range waiting {
		var item submitResult
		if err := decoder.Decode(&item); err != nil {
			return nil, 0, &exit{exitUnreachable, fmt.Errorf("%w: %w", errWrongAnswer, err)}
		}
		if item.Index < 0 || item.Index >= len(waiting) {
			return nil, 0, &exit{exitUnreachable, fmt.Errorf("%w: a result for claim %d of %d", errWrongAnswer, item.Index, len(waiting))}
		}
		i := waiting[item.Index]
		item.Index = results[i].Index
		results[i] = item
		if (&nodeAnswer{status: item.Status}).busy() {
			again = append(again, i)
		}
	}
	return again, answer.retryAfter, nil
}
