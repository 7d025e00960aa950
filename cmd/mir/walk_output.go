package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"mirnode/cluster"
)

// say prints a line.
func (w *walk) say(text string) { fmt.Fprintln(w.out, text) }

// line prints a fact under its name.
func (w *walk) line(name, fact string) { w.say(fmt.Sprintf("   %-15s %s", name, fact)) }

// try prints a command that does by hand what was just done.
func (w *walk) try(format string, args ...any) {
	w.line("try", w.paint.dim(fmt.Sprintf(format, args...)))
}

// introduce tells what is up.
func (w *walk) introduce() {
	w.say(w.paint.bold("A federation on this machine, in " + w.state.Dir))
	w.line("DNS server", w.state.DNS+", UDP and TCP")
	w.line("HTTPS server", w.state.WellKnownAddress+", for every domain")
	for _, node := range w.state.Nodes {
		w.line(node.Domain, node.URL)
	}
}

// stayUp tells what to try next.
func (w *walk) stayUp() {
	mir := ownName()
	if w.run.json {
		return
	}
	w.say("\n" + w.paint.bold("All of it stays up until Ctrl-C. In another terminal:"))
	for _, command := range []string{
		fmt.Sprintf(`eval "$(%s cluster env --dir %s)"`, mir, shellQuote(w.state.Dir)),
		fmt.Sprintf("%s domain check %s", mir, demoDomain),
		fmt.Sprintf("%s claim list --domain %s", mir, demoDomain),
		fmt.Sprintf("curl '%s/claims?domain=%s'", w.state.Nodes[len(w.state.Nodes)-1].URL, demoDomain),
		fmt.Sprintf("%s cluster status --dir %s", mir, shellQuote(w.state.Dir)),
		fmt.Sprintf("%s cluster unpublish %s --dir %s --channel dns", mir, demoDomain, shellQuote(w.state.Dir)),
	} {
		w.say("   " + command)
	}
	w.line("the API", w.node.URL+"/docs")
	if w.run.temporary {
		w.say("   " + w.paint.dim("The folder is removed at the end; --dir DIR keeps one."))
	}
}

// reportJSON prints, for --json, the one document that tells where everything is and how the walk went.
func (w *walk) reportJSON() error {
	if !w.run.json {
		return nil
	}
	return printJSON(w.jsonTo, map[string]any{"cluster": w.state, "walk": w.result})
}

// request speaks to a node.
func (w *walk) request(ctx context.Context, node cluster.Node, method, path string, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, node.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return w.send(request)
}

// send sends a request and reads its answer, up to a bound.
func (w *walk) send(request *http.Request) (status int, answer []byte, err error) {
	response, err := w.api.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }() // read to its end or given up
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxNodeAnswer))
	return response.StatusCode, answer, err
}

// expect decodes an answer that has the status it should have.
func expect(status, want int, body []byte, into any) error {
	if status != want {
		return fmt.Errorf("the node answered %s instead of %s: %s", answered(status), answered(want), bytes.TrimSpace(body))
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the node's answer cannot be read: %w", err)
	}
	return nil
}

func answered(status int) string { return fmt.Sprintf("%d %s", status, http.StatusText(status)) }

// pause lets a moment pass, and reports false when ctx ended first.
func (w *walk) pause(ctx context.Context) bool {
	timer := time.NewTimer(walkPoll + time.Duration(len(w.others))*nodePoll)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
