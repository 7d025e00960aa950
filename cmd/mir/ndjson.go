package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
)

// maxLineBytes bounds one line of an NDJSON input; what is longer is no claim, and is judged by its first bytes.
const maxLineBytes = maxDocumentBytes

// lineWork says how processLines divides its work.
type lineWork struct {
	perBlock int // lines that are worked on one after another
	ahead    int // blocks that are worked on at once, or wait to be written
}

// processLines reads lines, hands each that is not blank to do with its number from 1, and writes what do appends to its buffer, in the order of the lines. Blocks of lines are
// worked on in parallel; a block ends early where the input has no more to give at the moment, so that somebody who writes a line and waits
// gets its answer. The output is flushed whenever it would have to wait for the next answer. An error is one of reading or writing.
func processLines(ctx context.Context, in io.Reader, out io.Writer, work lineWork, do func(number int, line, answer []byte) []byte) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	blocks := make(chan chan []byte, work.ahead)
	readErr := make(chan error, 1)
	go func() {
		defer close(blocks)
		lines := newLineReader(in)
		for {
			block, err := lines.block(work.perBlock)
			if len(block) > 0 {
				answer := make(chan []byte, 1)
				select {
				case blocks <- answer:
				case <-ctx.Done():
					readErr <- ctx.Err()
					return
				}
				go func() {
					var answers []byte
					for _, line := range block {
						answers = do(line.number, line.text, answers)
					}
					answer <- answers
				}()
			}
			if err != nil {
				readErr <- err
				return
			}
		}
	}()
	if err := writeAnswers(ctx, out, blocks); err != nil {
		return err
	}
	if err := <-readErr; !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// writeAnswers writes the answers in order, and flushes before it waits.
func writeAnswers(ctx context.Context, out io.Writer, blocks <-chan chan []byte) error {
	w := bufio.NewWriterSize(out, 64<<10)
	for {
		answer, ok, err := receive(ctx, w, blocks)
		if err != nil {
			return err
		}
		if !ok {
			return w.Flush()
		}
		answers, _, err := receive(ctx, w, answer)
		if err != nil {
			return err
		}
		if _, err := w.Write(answers); err != nil {
			return err
		}
	}
}

// receive takes a value from a channel, and flushes the writer first if there is none yet.
func receive[T any](ctx context.Context, w *bufio.Writer, from <-chan T) (value T, ok bool, err error) {
	select {
	case value, ok = <-from:
		return value, ok, nil
	default:
	}
	if err := w.Flush(); err != nil {
		return value, false, err
	}
	select {
	case value, ok = <-from:
		return value, ok, nil
	case <-ctx.Done():
		return value, false, ctx.Err()
	}
}

// lineReader reads lines of bounded length, and skips blank ones.
type lineReader struct {
	*bufio.Reader
	number int // of the line that was read last, from 1
}

func newLineReader(in io.Reader) *lineReader {
	return &lineReader{Reader: bufio.NewReaderSize(in, 2*maxLineBytes)}
}

// inputLine is a line without its end.
type inputLine struct {
	number int
	text   []byte
}

// block returns up to max lines, fewer where a further one would have to be waited for. The error comes with the last.
func (r *lineReader) block(max int) ([]inputLine, error) {
	var lines []inputLine
	for len(lines) < max && (len(lines) == 0 || r.hasLine()) {
		text, err := r.line()
		r.number++
		if len(bytes.TrimSpace(text)) > 0 {
			lines = append(lines, inputLine{r.number, text})
		}
		if err != nil {
			return lines, err
		}
	}
	return lines, nil
}

// hasLine reports whether a whole line lies in the buffer.
func (r *lineReader) hasLine() bool {
	waiting, err := r.Peek(r.Buffered())
	return err == nil && bytes.IndexByte(waiting, '\n') >= 0
}

// line returns a copy of the next line without its end. Of a line over maxLineBytes it returns the beginning and a NUL, so that it is a good
// document in nobody's eyes, and skips the rest.
func (r *lineReader) line() ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if room := maxLineBytes + 1 - len(line); room > 0 {
			line = append(line, part[:min(room, len(part))]...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			if len(line) > maxLineBytes && line[maxLineBytes] != '\n' {
				line = append(line[:maxLineBytes], 0)
			}
			return bytes.TrimSuffix(line, []byte("\n")), err
		}
	}
}
