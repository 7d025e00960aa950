package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// quote is what the tests do with a line.
func quote(number int, line, answer []byte) []byte {
	return fmt.Appendf(answer, "%d %q\n", number, line)
}

func TestProcessLinesKeepsOrderAndNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOf(rapid.StringMatching(`[a-z\r ]{0,20}`)).Draw(t, "lines")
		input := strings.Join(lines, "\n")
		if rapid.Bool().Draw(t, "ends with a line break") {
			input += "\n"
		}
		var want strings.Builder
		number := 0
		for line := range strings.Lines(input) {
			if number++; strings.TrimSpace(line) != "" {
				fmt.Fprintf(&want, "%d %q\n", number, strings.TrimSuffix(line, "\n"))
			}
		}
		work := lineWork{perBlock: rapid.IntRange(1, 5).Draw(t, "perBlock"), ahead: rapid.IntRange(1, 5).Draw(t, "ahead")}
		var in io.Reader = strings.NewReader(input)
		if rapid.Bool().Draw(t, "byte by byte") {
			in = iotest.OneByteReader(in)
		}
		var out bytes.Buffer
		if err := processLines(t.Context(), in, &out, work, quote); err != nil || out.String() != want.String() {
			t.Fatalf("%v, %q; want %q", err, out.String(), want.String())
		}
	})
}

// TestProcessLinesAnswersWhileTheInputWaits writes a line and reads its answer before it writes the next.
func TestProcessLinesAnswersWhileTheInputWaits(t *testing.T) {
	in, question := io.Pipe()
	reply, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- processLines(t.Context(), in, out, lineWork{perBlock: 64, ahead: 8}, quote)
		out.Close()
	}()
	answers := bufio.NewReader(reply)
	for i := range 3 {
		if _, err := fmt.Fprintf(question, "%d\n", i); err != nil {
			t.Fatal(err)
		}
		if answer, err := answers.ReadString('\n'); err != nil || answer != fmt.Sprintf("%d \"%d\"\n", i+1, i) {
			t.Fatalf("%q, %v", answer, err)
		}
	}
	question.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestProcessLinesBoundsALine(t *testing.T) {
	input := "a\n" + strings.Repeat("x", 5*maxLineBytes) + "\n" + strings.Repeat("y", maxLineBytes) + "\nb"
	var out bytes.Buffer
	err := processLines(t.Context(), strings.NewReader(input), &out, lineWork{perBlock: 1, ahead: 1}, func(_ int, line, answer []byte) []byte {
		return fmt.Appendf(answer, "%d ", len(line))
	})
	want := fmt.Sprintf("1 %d %d 1 ", maxLineBytes+1, maxLineBytes)
	if err != nil || out.String() != want {
		t.Errorf("%v, lengths %q; want %q", err, out.String(), want)
	}
}

func TestProcessLinesReportsFaults(t *testing.T) {
	broken := errors.New("broken")
	in := io.MultiReader(strings.NewReader("a\nb\n"), iotest.ErrReader(broken))
	var out bytes.Buffer
	if err := processLines(t.Context(), in, &out, lineWork{perBlock: 2, ahead: 2}, quote); !errors.Is(err, broken) {
		t.Errorf("an input that breaks: %v", err)
	}
	if out.String() != "1 \"a\"\n2 \"b\"\n" {
		t.Errorf("what came before the fault: %q", out.String())
	}
	reader, writer := io.Pipe()
	reader.CloseWithError(broken)
	if err := processLines(t.Context(), strings.NewReader("a\nb\n"), writer, lineWork{perBlock: 1, ahead: 1}, quote); !errors.Is(err, broken) {
		t.Errorf("an output that breaks: %v", err)
	}
}
