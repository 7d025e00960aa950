package hotkey_test

import (
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"testing"

	"filippo.io/edwards25519"
)

// TestSpecCheck runs the twelve cases of "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko 2020), on which libraries differ.
func TestSpecCheck(t *testing.T) {
	data, err := os.ReadFile("testdata/speccheck.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Message   string `json:"message"`
		PublicKey string `json:"pub_key"`
		Signature string `json:"signature"`
	}
	if err := json.Unmarshal(data, &cases); err != nil || len(cases) != 12 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	// Go's row of the paper's table: no cofactor, s below L, an unreduced R never matches, an unreduced A is taken.
	const verdicts = "VVVV-------V"
	for i, c := range cases {
		got := agree(t, decode(t, c.PublicKey), decode(t, c.Message), decode(t, c.Signature))
		if got != (verdicts[i] == 'V') {
			t.Errorf("case %d: verified %v", i, got)
		}
	}
}

// TestSmallOrderKeysAndCommitments tries all 196 pairs of small-order A and R in every encoding, with s = 0 and several messages:
// whether one verifies depends on k modulo 8, which is where a negated scalar in place of a negated point would show.
func TestSmallOrderKeysAndCommitments(t *testing.T) {
	accepted, refused := 0, 0
	for _, a := range smallOrderEncodings() {
		for _, r := range smallOrderEncodings() {
			for m := range 16 {
				if agree(t, a, fmt.Appendf(nil, "message %d", m), append(bytes.Clone(r), make([]byte, 32)...)) {
					accepted++
				} else {
					refused++
				}
			}
		}
	}
	if accepted == 0 || refused == 0 {
		t.Errorf("%d accepted, %d refused: the table proves nothing", accepted, refused)
	}
}

// TestMixedOrder gives A, R or both a part of small order: A = [a]B + T, R = [r]B + U, s = r + ka.
func TestMixedOrder(t *testing.T) {
	a, r := scalarOf(t, "a secret"), scalarOf(t, "a nonce")
	verdicts := map[bool]int{}
	for _, tPart := range torsion(t) {
		for _, uPart := range torsion(t) {
			public := new(edwards25519.Point).ScalarBaseMult(a)
			public.Add(public, tPart)
			commitment := new(edwards25519.Point).ScalarBaseMult(r)
			commitment.Add(commitment, uPart)
			for m := range 16 {
				message := fmt.Appendf(nil, "message %d", m)
				k := challenge(t, commitment.Bytes(), public.Bytes(), message)
				s := edwards25519.NewScalar().MultiplyAdd(k, a, r)
				verdicts[agree(t, public.Bytes(), message, append(commitment.Bytes(), s.Bytes()...))]++
			}
		}
	}
	if verdicts[true] == 0 || verdicts[false] == 0 {
		t.Errorf("verdicts %v: the table proves nothing", verdicts)
	}
}

// TestScalarBounds gives s values around L and 2^252, with R computed to fit, so that only the bound decides.
func TestScalarBounds(t *testing.T) {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	small := smallOrderEncodings()[0] // the identity: [s]B = R alone decides
	if !bytes.Equal(small, edwards25519.NewIdentityPoint().Bytes()) {
		t.Fatal("the first encoding is not the identity's")
	}
	for _, c := range []struct {
		name string
		s    *big.Int
		want bool
	}{
		{"0", big.NewInt(0), true},
		{"1", big.NewInt(1), true},
		{"2^252", new(big.Int).Lsh(big.NewInt(1), 252), true},
		{"L-1", new(big.Int).Sub(order, big.NewInt(1)), true},
		{"L", order, false},
		{"L+1", new(big.Int).Add(order, big.NewInt(1)), false},
		{"2L", new(big.Int).Lsh(order, 1), false},
		{"2^253", new(big.Int).Lsh(big.NewInt(1), 253), false},
		{"2^256-1", new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := edwards25519.NewScalar().SetCanonicalBytes(littleEndian(new(big.Int).Mod(c.s, order)))
			if err != nil {
				t.Fatal(err)
			}
			commitment := new(edwards25519.Point).ScalarBaseMult(s).Bytes()
			if got := agree(t, small, []byte("m"), append(commitment, littleEndian(c.s)...)); got != c.want {
				t.Errorf("verified %v", got)
			}
		})
	}
}

// TestEveryDigitOfTheScalars walks single bits and runs of bits through s, so that every entry's place in the tables matters.
func TestEveryDigitOfTheScalars(t *testing.T) {
	key := smallOrderEncodings()[0]
	for bit := range 252 {
		for _, value := range []*big.Int{
			new(big.Int).Lsh(big.NewInt(1), uint(bit)),
			new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(bit)), big.NewInt(1)),
		} {
			s, err := edwards25519.NewScalar().SetCanonicalBytes(littleEndian(value))
			if err != nil {
				t.Fatal(err)
			}
			sig := append(new(edwards25519.Point).ScalarBaseMult(s).Bytes(), s.Bytes()...)
			if !agree(t, key, nil, sig) {
				t.Fatalf("s = %v was refused", value)
			}
		}
	}
}

// smallOrderEncodings returns all 14 encodings that decode to the 8 points of small order, the identity's first: the 8 that RFC 8032
// would write, and those with an unreduced y or with the sign bit on x = 0.
func smallOrderEncodings() [][]byte {
	var all [][]byte
	for _, s := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0100000000000000000000000000000000000000000000000000000000000080",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			panic(err)
		}
		all = append(all, b)
	}
	return all
}

func torsion(t *testing.T) []*edwards25519.Point {
	var points []*edwards25519.Point
	for _, encoding := range smallOrderEncodings()[:8] {
		p, err := new(edwards25519.Point).SetBytes(encoding)
		if err != nil {
			t.Fatal(err)
		}
		if new(edwards25519.Point).MultByCofactor(p).Equal(edwards25519.NewIdentityPoint()) != 1 {
			t.Fatalf("%x is not of small order", encoding)
		}
		points = append(points, p)
	}
	return points
}

func challenge(t *testing.T, parts ...[]byte) *edwards25519.Scalar {
	digest := sha512.Sum512(bytes.Join(parts, nil))
	k, err := edwards25519.NewScalar().SetUniformBytes(digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func scalarOf(t *testing.T, name string) *edwards25519.Scalar { return challenge(t, []byte(name)) }

func littleEndian(n *big.Int) []byte {
	b := make([]byte, 32)
	n.FillBytes(b)
	for i := range 16 {
		b[i], b[31-i] = b[31-i], b[i]
	}
	return b
}

func decode(t *testing.T, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
