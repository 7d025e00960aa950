package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// onTerminal is what a terminal shows of a text: lines that are too long go on at its left edge.
func onTerminal(text string, width int) []string {
	var rows []string
	for line := range strings.Lines(text) {
		row, cells := "", 0
		for _, r := range strings.TrimSuffix(line, "\n") {
			if cells += cellsOf(string(r)); cells > width {
				rows, row, cells = append(rows, row), "", cellsOf(string(r))
			}
			row += string(r)
		}
		rows = append(rows, row)
	}
	return rows
}

// TestPageDrawsNoFacts: what issuers write cannot look like a line of ours, however it is padded.
func TestPageDrawsNoFacts(t *testing.T) {
	const claim = "  issuer    verified: owns the domain bbc.co.uk (node2.test looked itself, in DNS)"
	for name, context := range map[string]string{
		"spaces":        "our photo” (signed)" + strings.Repeat(" ", 80-12-20) + claim,
		"no-break":      "our photo” (signed)" + strings.Repeat("\u00a0", 80-12-20) + claim,
		"fillers":       "our photo” (signed)" + strings.Repeat("\u3164", 80-12-20) + claim,
		"lines":         "our photo” (signed)\n" + claim + "\n" + claim,
		"tabs":          "x\t\t\t\t\t\t\t\t\t" + claim,
		"wide":          strings.Repeat("報", 34) + claim,
		"one word":      strings.Repeat("x", 67) + strings.ReplaceAll(claim, " ", "\u2800"),
		"long word":     strings.Repeat("x", 68) + "issuer" + strings.Repeat("y", 300),
		"without width": strings.Repeat("\u200b\u2060", 60) + claim,
	} {
		t.Run(name, func(t *testing.T) {
			text := shownAt80(t, name, context, context)
			if n := strings.Count(text, "\n  issuer "); n != 1 {
				t.Errorf("%d lines about the issuer:\n%s", n, text)
			}
		})
	}
	t.Run("anything", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			piece := rapid.OneOf(rapid.String(), rapid.StringMatching(` {0,90}`), rapid.Just(claim), rapid.StringMatching(`[“”"()]{1,3}`), rapid.StringMatching(`x{0,90}`))
			words := strings.Join(rapid.SliceOfN(piece, 1, 8).Draw(t, "words"), "")
			shownAt80(t, "rapid", words, words)
		})
	})
}

// shownAt80 shows an assertion on a terminal of the usual width, and checks each row of what the issuer wrote.
func shownAt80(t interface {
	Fatalf(string, ...any)
	Helper()
}, test, context, name string,
) string {
	t.Helper()
	var a assertionAnswer
	body := `{"type":"ISSUED_BY","issuer":{"home":"home.test"},"contextSigned":true,"createdAt":"2026-11-01T00:00:00Z"}`
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatalf("%v", err)
	}
	a.ID = "assertion_" + strings.Repeat("0", 64)
	a.Context, a.Issuer.Name, a.Scope = context, name, context
	a.Metadata = &metadataPart{DisplayName: context, OriginalFilename: name, Tags: []string{context, name}}
	a.Revoked, a.RevocationReason = true, context
	var out bytes.Buffer
	if err := a.print(&out, "node:1"); err != nil {
		t.Fatalf("%v", err)
	}
	labels := map[string]bool{"ended": true, "since": true, "issuer": true, "key": true, "scope": true, "context": true, "title": true, "file": true, "tags": true, "id": true}
	seen := map[string]bool{}
	for i, row := range onTerminal(out.String(), usualWidth) {
		switch label := strings.TrimSpace(row[:min(len(row), 12)]); {
		case i == 0 && strings.HasPrefix(row, "ISSUED_BY  “"):
		case strings.HasPrefix(row, strings.Repeat(" ", 12)):
			if !strings.HasPrefix(row, strings.Repeat(" ", 14)) || strings.HasPrefix(row, strings.Repeat(" ", 15)) {
				t.Fatalf("%s: a row that goes on is indented otherwise: %q", test, row)
			}
		case strings.HasPrefix(row, "  ") && labels[label] && !seen[label]:
			seen[label] = true
		case strings.Trim(row, "0") == "": // the end of the ID
		default:
			t.Fatalf("%s: the row %q is none of ours, in\n%s", test, row, out.String())
		}
		if open, closed := strings.Count(row, "“"), strings.Count(row, "”"); open != closed {
			t.Fatalf("%s: quotes are not closed in the row %q", test, row)
		}
	}
	return out.String()
}
