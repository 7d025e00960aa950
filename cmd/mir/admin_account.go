package main

import (
	"fmt"
	"io"
)

// accountAnswer is an issuer in the answers of its home's operator listener: beside what is public, what the node keeps for itself.
type accountAnswer struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Status  string            `json:"status"`
	Plan    string            `json:"plan"`
	Domain  string            `json:"domain"`
	Reason  string            `json:"reason"`
	APIKeys []apiKeyAnswer    `json:"apiKeys"`
	Keys    []issuerKeyAnswer `json:"keys"`
}

func (a *accountAnswer) badge() string { return a.Status }

// printAccount tells of one issuer.
func printAccount(out io.Writer, body []byte) error {
	var answer struct {
		Issuer accountAnswer `json:"issuer"`
	}
	if err := decodeAnswer(body, &answer); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%s\n", printable(answer.Issuer.ID))
	return err
}
