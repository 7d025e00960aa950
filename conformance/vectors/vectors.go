// Package vectors makes the suite's claims and drafts, and the verdicts that they must get: the cases of the sections claim-schema,
// canonical, signature, time and signer.
//
// A case is made from a fixed seed, so that a second run writes the same bytes: the key of each name is a function of the seed and the
// name ([Key]). What is signed, and every canonical form, is written out by hand or built from the claim's members by a frame of a few
// lines; nothing here asks the package protocol for an opinion, so that a test that compares the two compares two opinions.
//
// The files under conformance/cases are what [Generate] returns for the default options:
//
//	go generate ./conformance/vectors
//
// The package also reads and writes test vectors in the layout of the protocol's public draft: a file keys.json of named keys, and a
// folder a vector with claim.json, canonical.txt, signature.txt and expected.json.
package vectors

//go:generate go run ./write

const (
	// DefaultSuffix is the domain below which the cases' domains lie. Nobody can register it (RFC 6761).
	DefaultSuffix = "conformance.test"
	// DefaultSeed makes the keys of the shipped cases.
	DefaultSeed = "1"
)
