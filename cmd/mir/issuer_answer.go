package main

import (
	"cmp"
	"fmt"
	"time"

	"mirnode/protocol"
)

// issuerAnswer is an issuer in a node's answers: who it is, as that node sees it.
type issuerAnswer struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Status       string `json:"status"`
	Verified     bool   `json:"verified"`
	Home         string `json:"home"`
	Verification *struct {
		By        string    `json:"by"`
		Domain    string    `json:"domain"`
		VouchedBy string    `json:"vouchedBy"`
		Since     time.Time `json:"since"`
	} `json:"verification"`
	Detail string `json:"detail"`
}

// called is the issuer's name, or its ID where the node does not know it.
func (i *issuerAnswer) called() span {
	if _, err := issuerArgument(i.ID); i.Name == "" && err == nil {
		return ours("%s", i.ID)
	}
	return theirs(cmp.Or(i.Name, i.ID))
}

// badge says in words how the issuer is verified, and by whom. node is the host of the node that says it.
func (i *issuerAnswer) badge(node string) string {
	words := "not verified"
	switch v := i.Verification; {
	case v != nil && v.By == "domain":
		words = fmt.Sprintf("verified: owns the domain %s (%s looked itself, in DNS)", v.Domain, node)
	case v != nil && v.By == "activity":
		words = fmt.Sprintf("verified by its activity, in the word of its home %s", v.VouchedBy)
	case i.Verified:
		words = "verified"
	}
	switch i.Status { // what its home says against it comes first
	case string(protocol.IssuerRestricted):
		return "RESTRICTED, under review by its home; " + words
	case string(protocol.IssuerSuspended):
		return "SUSPENDED by its home; " + words
	}
	return words
}

// issuerKeyAnswer is a key of an issuer in a node's answers.
type issuerKeyAnswer struct {
	Algorithm     string    `json:"algorithm"`
	Created       time.Time `json:"created"`
	Fingerprint   string    `json:"fingerprint"`
	Public        string    `json:"pub"`
	RevokedAt     time.Time `json:"revokedAt"`
	CompromisedAt time.Time `json:"compromisedAt"`
	Anchor        string    `json:"anchor"`
}

// state says in words whether the key is good.
func (k *issuerKeyAnswer) state() string {
	switch {
	case !k.CompromisedAt.IsZero():
		return fmt.Sprintf("revoked %s, not trusted since %s", moment(k.RevokedAt), moment(k.CompromisedAt))
	case !k.RevokedAt.IsZero():
		return "revoked " + moment(k.RevokedAt)
	}
	return "in use"
}
