package main

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
	sumdb "golang.org/x/mod/sumdb/note"

	"mirnode/assertions/proof"
	"mirnode/discovery"
	"mirnode/protocol"
	"mirnode/translog"
)

const flagNetwork = "network"

// assertionJudge knows by what the proof of an assertion is judged.
type assertionJudge struct {
	keys    logKeys
	network protocol.Network // of --network; "": not said
}

// newAssertionJudge reads the flags. The result has to be closed.
func newAssertionJudge(cmd *cobra.Command) (*assertionJudge, error) {
	j := new(assertionJudge)
	text, err := cmd.Flags().GetString(flagNetwork)
	if err != nil {
		return nil, err
	}
	if text != "" {
		if j.network, err = protocol.ParseNetwork(text); err != nil {
			return nil, fmt.Errorf("--%s: %w", flagNetwork, err)
		}
	}
	if j.keys.cosigners, err = cosignerArguments(cmd); err != nil {
		return nil, err
	}
	value, err := cmd.Flags().GetString(flagLogKey)
	if err != nil {
		return nil, err
	}
	if value != "" {
		j.keys.given, err = logKeyArgument(cmd, value)
		return j, err
	}
	cfg, err := discoveryConfig(cmd)
	if err != nil {
		return nil, err
	}
	j.keys.live, err = discovery.New(cfg)
	return j, err
}

// Close ends the look-ups.
func (j *assertionJudge) Close() { j.keys.Close() }

// options are those for an answer that was read, or fetched by its ID. A node is asked where the user named one, or the answer is from one; what was saved is judged
// without any, and under a given key nobody is asked but for the answer itself.
func (j *assertionJudge) options(cmd *cobra.Command, name string) (proof.Options, error) {
	o := proof.Options{Network: j.network}
	for _, v := range j.keys.cosigners {
		find := func(c translog.Checkpoint) []translog.Cosignature { return c.Cosigners([]sumdb.Verifier{v}) }
		o.Cosigners = append(o.Cosigners, proof.Cosigner{Name: v.Name(), Find: find})
	}
	o.Keys = func(home string) ([]ed25519.PublicKey, error) {
		candidates, err := j.keys.candidates(cmd.Context(), home+"/mir")
		var list []ed25519.PublicKey
		for _, c := range candidates {
			list = append(list, c.key.Public)
		}
		return list, err
	}
	if len(j.keys.given) == 1 && j.network == "" {
		o.Log = j.keys.given[0].name // where it has none, the key says nothing of the network
	}
	if len(j.keys.given) == 1 && j.network != "" && j.keys.given[0].name != "" {
		if named, err := protocol.ParseOrigin(j.keys.given[0].name); err == nil && named.Network != j.network {
			return o, fmt.Errorf("--%s %s: the key of --%s is that of the log %s", flagNetwork, j.network, flagLogKey, j.keys.given[0].name)
		}
		o.Log = j.keys.given[0].name
	}
	_, notID := assertionArgument(name)
	named := setting(cmd, flagNode, envNode) != defaultNode
	if notID != nil && (!named || j.keys.given != nil) {
		return o, nil
	}
	client, err := readClient(cmd)
	if err != nil {
		return o, err
	}
	if o.Network == "" && o.Log == "" {
		o.Network = networkOf(cmd, client)
	}
	if j.keys.given == nil {
		o.Latest = func(id string) ([]byte, error) { return newestIssuer(cmd, client, id) }
	}
	return o, nil
}

// networkOf asks a node for its network; "" where it does not say.
func networkOf(cmd *cobra.Command, client *nodeClient) protocol.Network {
	answer, err := client.ask(cmd.Context(), http.MethodGet, "/node", nil, "", nil)
	var said struct {
		Network string `json:"network"`
	}
	if err != nil || answer.status != http.StatusOK || json.Unmarshal(answer.body, &said) != nil {
		return ""
	}
	network, err := protocol.ParseNetwork(said.Network)
	if err != nil {
		return ""
	}
	return network
}

// newestIssuer asks a node for its record of an issuer. What it gives is not believed.
func newestIssuer(cmd *cobra.Command, client *nodeClient, id string) ([]byte, error) {
	answer, err := client.read(cmd, "/issuers/"+id, nil)
	if err != nil {
		return nil, err
	}
	var said struct {
		Record json.RawMessage `json:"record"`
	}
	if err := decodeAnswer(answer.body, &said); err != nil {
		return nil, err
	}
	return said.Record, nil
}
