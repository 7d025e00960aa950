package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

// lookupBatch is how many files one look-up may ask about.
const lookupBatch = 100

func newLookupCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lookup (FILE | SHA-256 | LINK | -)...",
		Short: "Find out who says what about a file",
		Long: "Hashes the file here, and asks a node what is said about it: who says it, since when, how the issuer is verified and its key vouched for; what contradicts comes\n" +
			"first, what was revoked last. The file does not leave this machine. Several files are asked for at once where an API key of this node is set up here.\n\n" +
			"A SHA-256 may be given in the place of a file, by itself, as sha256:…, or on standard input; and a look-up link: its hash is asked for, at the node of\n" +
			"--node or MIR_NODE if one of them names any, else at the link's.\n\n" +
			"A node says what it verified itself, but it is the node that says it: `mir assertion verify ASSERTION-ID` takes nobody's word.\n\n" +
			"Exit code 0: something is said. 1: nothing is said about one of the files at least, which is no evidence of anything. 3: the node does not answer.",
		Example: "  mir lookup photo.jpg\n  mir lookup e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 --node https://mir.example.com",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var questions []question
			for _, arg := range args {
				q, err := newQuestion(cmd, arg)
				if err != nil {
					return err
				}
				questions = append(questions, q)
			}
			client, err := lookupClient(cmd, questions)
			if err != nil {
				return err
			}
			return lookUp(cmd, s, client, questions)
		},
	}
	addReadFlags(cmd)
	return cmd
}

// lookupAnswer is what is said about one file.
type lookupAnswer struct {
	ArtifactHash string            `json:"artifactHash"`
	Assertions   []assertionAnswer `json:"assertions"`
	Conflicts    bool              `json:"conflicts"`
	Guidance     string            `json:"guidance"`
	Truncated    bool              `json:"truncated"`
}

// lookUp asks about all, and prints each answer as it comes.
func lookUp(cmd *cobra.Command, s streams, client *nodeClient, questions []question) error {
	nothing, first, several := false, "", len(questions) > 1
	for len(questions) > 0 {
		n := 1
		if client.apiKey != "" && len(questions) > 1 {
			n = min(len(questions), lookupBatch)
		}
		answers, err := askAbout(cmd, client, questions[:n])
		if n > 1 && client.apiKey == "" && err != nil {
			continue // the node refuses the API key: one after the other, as anybody may
		}
		if err != nil {
			return err
		}
		for i, body := range answers {
			said, err := printLookup(cmd, s, client, questions[i], body)
			if err != nil {
				return err
			}
			nothing = nothing || said == ""
			if first == "" {
				first = said
			}
			if more := i+1 < len(questions); more && !wantsJSON(cmd) {
				fmt.Fprintln(s.out)
			}
		}
		questions = questions[n:]
	}
	if first != "" && !wantsJSON(cmd) {
		if several {
			first = "ID, for each ID above"
		}
		note(cmd, "To take nobody's word: mir assertion verify%s %s", client.again(cmd), first)
	}
	noteAnswered(cmd, client)
	if nothing {
		return &exit{code: exitRejected}
	}
	return nil
}

// askAbout gets the answers about files, in their order: of one as anybody may ask, of several in one request, which needs an API key.
func askAbout(cmd *cobra.Command, client *nodeClient, questions []question) ([]json.RawMessage, error) {
	if len(questions) == 1 {
		answer, err := client.read(cmd, "/assertions", url.Values{"hash": {questions[0].hash}})
		if err != nil {
			return nil, err
		}
		return []json.RawMessage{answer.body}, nil
	}
	var hashes []string
	for _, q := range questions {
		hashes = append(hashes, q.hash)
	}
	answer, err := client.order(cmd.Context(), http.MethodPost, "/assertions/lookup", nil, map[string][]string{"hashes": hashes})
	if client.dropKey(cmd, answer, err) || err != nil {
		return nil, err
	}
	var batch struct {
		Results map[string]json.RawMessage `json:"results"`
	}
	if err := decodeAnswer(answer.body, &batch); err != nil {
		return nil, err
	}
	var answers []json.RawMessage
	for _, hash := range hashes {
		one, ok := batch.Results[hash]
		if !ok {
			return nil, &exit{exitUnreachable, fmt.Errorf("%w: it says nothing about %s", errWrongAnswer, hash)}
		}
		answers = append(answers, one)
	}
	return answers, nil
}

// printLookup prints the answer about one file, and gives the ID of the first assertion; "" where nothing is said.
func printLookup(cmd *cobra.Command, s streams, client *nodeClient, q question, body json.RawMessage) (first string, err error) {
	var answer lookupAnswer
	if err := decodeAnswer(body, &answer); err != nil {
		return "", err
	}
	if answer.ArtifactHash != "" && answer.ArtifactHash != q.hash {
		return "", &exit{exitUnreachable, fmt.Errorf("%w: it is about %s", errWrongAnswer, answer.ArtifactHash)}
	}
	if err := checkIDs(answer.Assertions); err != nil {
		return "", err
	}
	sortForReading(answer.Assertions, answer.Conflicts)
	if len(answer.Assertions) > 0 {
		first = answer.Assertions[0].ID
	}
	if wantsJSON(cmd) {
		return first, printWith(cmd, body, [2]string{"file", q.name})
	}
	return first, answer.print(s, client.base.Host, q)
}

// print tells a person what is said about a file. The assertions are in the order for reading.
func (l *lookupAnswer) print(s streams, node string, q question) error {
	p := newPage(s.out)
	b := new(bytes.Buffer)
	if q.name != q.hash {
		fmt.Fprintf(b, "%s\n", p.bold(printable(q.name)))
	}
	fmt.Fprintf(b, "%s\n", q.hash)
	if l.Conflicts {
		fmt.Fprintf(b, "\n%s\n", p.red("CONFLICT: what is said about this file contradicts itself. Read who says what."))
	}
	ended := false
	for i := range l.Assertions {
		a := &l.Assertions[i]
		if a.Revoked && !ended {
			ended = true
			fmt.Fprintf(b, "\n%s\n", p.dim("No longer said:"))
		}
		fmt.Fprintln(b)
		if err := a.printTo(b, p, node); err != nil {
			return err
		}
	}
	if l.Truncated {
		fmt.Fprintf(b, "\n%s\n", p.bold("There is more than is shown: of what is in force, and then of what ended, these are the newest. The cursor in --json leads to the rest."))
	}
	fmt.Fprintf(b, "\n%s\n", printable(l.Guidance))
	_, err := s.out.Write(b.Bytes())
	return err
}
