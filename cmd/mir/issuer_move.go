package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"mirnode/protocol"
)

func newIssuerMoveCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "move --node URL",
		Short: "Tell the identity the new URL of its home node",
		Long: "Asks the node at the new URL who it is, and writes the URL into the identity if that node has the domain of the issuer's home: the ID of an issuer is made\n" +
			"from it. The issuer stays where it is at home; its keys stay the same.",
		Example: "  mir issuer move --node https://mir.example.com",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runIssuerMove(cmd, s) },
	}
	addIdentityFlag(cmd)
	cmd.Flags().String(flagNode, "", "the new URL of the issuer's home node")
	mustGive(cmd, flagNode)
	addCAFlag(cmd)
	return cmd
}

func runIssuerMove(cmd *cobra.Command, s streams) error {
	id, err := readIdentity(cmd)
	if err != nil {
		return err
	}
	before := id.home
	client, err := newClientOf(cmd, id.Node) // without the API key: it is not known yet whose this node is
	if err != nil {
		return err
	}
	domain, err := sameHome(cmd, client, id.IssuerID)
	if err != nil {
		return err
	}
	id.home = id.Node
	if err := id.write(cmd); err != nil {
		return err
	}
	if wantsJSON(cmd) {
		return printJSON(s.out, map[string]string{"identity": id.path, "issuerId": id.IssuerID, "home": domain, "node": id.Node, "before": before})
	}
	fmt.Fprintf(s.out, "node  %s\nhome  %s\n", printable(id.Node), printable(domain))
	note(cmd, "%s named %s before.", id.path, before)
	return nil
}

// sameHome tells the domain of the issuer's home, if the node that is asked has it. The home in an issuer's record is no mere word: the ID is its hash.
func sameHome(cmd *cobra.Command, client *nodeClient, issuer string) (string, error) {
	record, err := askIssuerRecord(cmd, client, issuer)
	if err != nil {
		return "", err
	}
	answer, err := client.order(cmd.Context(), http.MethodGet, "/node", nil, nil)
	if err != nil {
		return "", err
	}
	var node struct {
		Domain string `json:"domain"`
	}
	if err := decodeAnswer(answer.body, &node); err != nil {
		return "", err
	}
	if !strings.EqualFold(node.Domain, record.Home) {
		return "", &exit{exitRejected, withHint(fmt.Sprintf("this is another node: it has the domain %s, and the issuer's home is %s", orDash(node.Domain), record.Home),
			"Nothing was changed. An issuer belongs to one home for good; at another node it is another issuer.")}
	}
	return record.Home, nil
}

// askIssuerRecord gets the record of an issuer, which is about this one: its ID is checked.
func askIssuerRecord(cmd *cobra.Command, client *nodeClient, issuer string) (*protocol.Issuer, error) {
	answer, err := client.order(cmd.Context(), http.MethodGet, "/issuers/"+issuer, nil, nil)
	if err != nil {
		return nil, err
	}
	var said struct {
		Record string `json:"record"`
	}
	if err := json.Unmarshal(answer.body, &said); err != nil {
		return nil, &exit{exitUnreachable, fmt.Errorf("%w: %w", errWrongAnswer, err)}
	}
	record, err := protocol.ParseIssuer([]byte(said.Record))
	if err != nil {
		return nil, &exit{exitUnreachable, fmt.Errorf("%w: its issuer record is none: %w", errWrongAnswer, err)}
	}
	if record.ID != issuer {
		return nil, &exit{exitUnreachable, fmt.Errorf("%w: it is about %s", errWrongAnswer, record.ID)}
	}
	return record, nil
}
