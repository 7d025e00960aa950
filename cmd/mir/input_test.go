package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestInterruptibleEndsWithItsContext(t *testing.T) {
	if data, err := io.ReadAll(interruptible(t.Context(), strings.NewReader("all of it"))); err != nil || string(data) != "all of it" {
		t.Errorf("%q, %v", data, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	never, w := io.Pipe()
	defer w.Close()
	in := interruptible(ctx, never)
	cancel()
	if _, err := io.ReadAll(in); !errors.Is(err, errInterrupted) {
		t.Errorf("%v", err)
	}
}
