package vectors

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha512"
	"math/big"
	"slices"

	"filippo.io/edwards25519"

	"mirnode/conformance/cases"
)

// prehash returns what Ed25519ph signs.
func prehash(message []byte) (*ed25519.Options, []byte) {
	sum := sha512.Sum512(message)
	return &ed25519.Options{Hash: crypto.SHA512}, sum[:]
}

// groupOrder returns L of RFC 8032, section 5.1.
func groupOrder() *big.Int {
	l, ok := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	if !ok {
		panic("not a number")
	}
	return l
}

// addToS adds a multiple of the group's order to the second half of a signature, or sets that half to the multiple.
func addToS(times int64, keep bool) func([]byte) string {
	return func(sig []byte) string {
		s := new(big.Int)
		if keep {
			half := slices.Clone(sig[32:])
			slices.Reverse(half)
			s.SetBytes(half)
		}
		s.Add(s, new(big.Int).Mul(groupOrder(), big.NewInt(times)))
		out := s.FillBytes(make([]byte, 32))
		slices.Reverse(out)
		return Base64URL(slices.Concat(sig[:32], out))
	}
}

// secretScalar returns the scalar of a private key (RFC 8032, section 5.1.5).
func secretScalar(key ed25519.PrivateKey) *edwards25519.Scalar {
	h := sha512.Sum512(key.Seed())
	s, err := edwards25519.NewScalar().SetBytesWithClamping(h[:32])
	if err != nil {
		panic(err) // it has 32 bytes
	}
	return s
}

// challenge returns k of RFC 8032, section 5.1.7: the hash of R, A and the message.
func challenge(r, public, message []byte) *edwards25519.Scalar {
	sum := sha512.Sum512(slices.Concat(r, public, message))
	k, err := edwards25519.NewScalar().SetUniformBytes(sum[:])
	if err != nil {
		panic(err) // it has 64 bytes
	}
	return k
}

// signWithR signs with a chosen nonce r, and writes encodedR in the place of the encoding of [r]B: S = r + k a.
func signWithR(key ed25519.PrivateKey, r *edwards25519.Scalar, encodedR, public, message []byte) []byte {
	s := edwards25519.NewScalar().MultiplyAdd(challenge(encodedR, public, message), secretScalar(key), r)
	return slices.Concat(encodedR, s.Bytes())
}

// nonce returns a nonce that depends on the message, as RFC 8032 has it.
func nonce(message []byte) *edwards25519.Scalar { return challenge([]byte("nonce"), nil, message) }

// malleations are second signatures made out of good ones, and Rs that only the key's owner can make.
func (m *maker) malleations() []vector {
	const why = "Anybody could turn a valid record into a second one with another sigHash, and an event would count twice."
	withR := func(encoded string) func(ed25519.PrivateKey, []byte) []byte {
		return func(key ed25519.PrivateKey, message []byte) []byte {
			return signWithR(key, edwards25519.NewScalar(), unhex(encoded), key.Public().(ed25519.PublicKey), message)
		}
	}
	moved := func(key ed25519.PrivateKey, message []byte) []byte {
		r := nonce(message)
		point := new(edwards25519.Point).ScalarBaseMult(r)
		return signWithR(key, r, point.Add(point, torsionPoint()).Bytes(), key.Public().(ed25519.PublicKey), message)
	}
	const owner = "The owner of the key could give one record many names, and only some verifiers would see it."
	return under(ruleDecoding(), forged(), []vector{
		{name: "s-plus-l", title: "S + L, which is S modulo the group's order", sig: addToS(1, true), why: why},
		{name: "s-plus-2l", title: "S + 2L", sig: addToS(2, true), why: why},
		{name: "s-plus-8l", title: "S + 8L, with its fourth highest bit set", sig: addToS(8, true), why: why},
		{name: "s-plus-14l", title: "S + 14L, with its highest bits set", sig: addToS(14, true), why: why},
		{name: "s-equals-l", title: "S is exactly L", sig: addToS(1, false), why: "It is zero modulo L: the bound must exclude it, or zero has two spellings."},
		{name: "r-identity-non-canonical", title: "R is the identity, spelled with y = p + 1", sign: withR("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), why: owner},
		{name: "r-identity-negative", title: "R is the identity, with the sign of x = 0 set", sign: withR("0100000000000000000000000000000000000000000000000000000000000080"), why: owner},
		{name: "r-not-on-curve", title: "R is no point of the curve", sign: withR("0200000000000000000000000000000000000000000000000000000000000000"), why: owner},
		{name: "r-order-two", title: "R is the point of order 2 in place of the identity", rule: ruleEquation(),
			sign: withR("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), why: "Where some verifiers multiply by the cofactor and others do not, one record is there for some and gone for others."},
		{name: "r-with-torsion", title: "R moved by a point of order 8", rule: ruleEquation(), sign: moved,
			why: "Where some verifiers multiply by the cofactor and others do not, one record is there for some and gone for others."},
		{name: "r-identity", title: "R is the identity, correctly spelled", rule: ruleEquation(), level: cases.May, codes: accepted(),
			sign: withR("0100000000000000000000000000000000000000000000000000000000000000"),
			why:  "RFC 8032's equation holds. Some libraries refuse it all the same, and who signs so gives the key away."},
	})
}

// torsion signs with a key that no generator makes: an honest one moved by a point of order 8. RFC 8032 leaves open whether the cofactor
// is multiplied in, which shows with such keys; this protocol takes the checks of Go's standard library, which does not.
func (m *maker) torsion() []vector {
	public := m.torsionKey()
	sign := func(whole bool) func(ed25519.PrivateKey, []byte) []byte {
		return func(key ed25519.PrivateKey, message []byte) []byte {
			for n := byte(0); ; n++ { // until k is, or is not, a multiple of 8
				r := nonce(append(slices.Clone(message), n))
				point := new(edwards25519.Point).ScalarBaseMult(r).Bytes()
				if k := challenge(point, public, message).Bytes(); (k[0]&7 == 0) == whole {
					return signWithR(key, r, point, public, message)
				}
			}
		}
	}
	return under(ruleEquation(), nil, []vector{
		{name: "torsion-key-cofactorless", title: "a key with a component of order 8, where both equations hold", level: cases.May, zone: "torsion", key: "torsion", sign: sign(true),
			why: "Such keys do not come about by accident. Whether they are taken is worth knowing before two implementations disagree over a record."},
		{name: "torsion-key-cofactored", title: "a key with a component of order 8, where only the equation with the cofactor holds", codes: forged(), zone: "torsion", key: "torsion", sign: sign(false),
			why: "Its owner can make records that verify on some machines and fail on others, as it suits him."},
	})
}

// forge signs with no key at all.
func forge(ed25519.PrivateKey, []byte) []byte { return ForgedSignature() }

// noKeys are claims of domains that publish what is no key.
func (m *maker) noKeys() []vector {
	var all []vector
	for _, bad := range BadKeys() {
		all = append(all, vector{name: "key-" + bad.Name, title: "the key is " + bad.What, zone: bad.Name, key: bad.Name,
			sign: forge,
			why:  "Under such a key anybody can sign for the domain, or the key has two fingerprints, so that retiring one leaves the other."})
	}
	all = append(all, vector{name: "key-beside-bad-ones", title: "a good key beside keys of small order", zone: "beside-bad", codes: accepted(),
		why: "One bad entry must not take a domain's voice away."},
		vector{name: "key-bad-beside-good", title: "the identity key, published beside a good one", zone: "beside-bad", key: "identity",
			sign: forge,
			why:  "An attacker who can slip one entry into the document could sign anything without any secret."})
	return under(ruleSmallOrder(), []string{notFound}, all)
}
