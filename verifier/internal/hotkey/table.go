package hotkey

import (
	"sync"
	"unsafe"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

// The shape of the tables. A scalar below 2^253 is written in signed digits of w bits, the i-th weighing 2^(w·i); a row holds the
// multiples 1 … 2^(w-1) of one weight. A key's table has a row for every keyStride-th weight only, and the weights between are
// reached by doubling: 15 doublings more, a quarter of the memory. B's table is made once and has a row for every weight.
const (
	keyBits      = 5
	keyDigits    = 51 // 51·5 = 255 bits hold a scalar below 2^253 and its carry
	keyStride    = 4
	keyRows      = (keyDigits + keyStride - 1) / keyStride
	keyMultiples = 1 << (keyBits - 1)

	baseBits      = 8
	baseDigits    = 32
	basePointsRow = 1 << (baseBits - 1)
)

type (
	keyTable  [keyRows * keyMultiples]affineNiels
	baseTable [baseDigits * basePointsRow]affineNiels
)

// Size is what a Key holds in memory, in bytes.
const Size = int(unsafe.Sizeof(Key{}))

// baseMultiples returns the table of B, which is made when it is first needed (about a millisecond, half a megabyte).
var baseMultiples = sync.OnceValue(func() *baseTable {
	table := new(baseTable)
	fillTable(table[:], edwards25519.NewGeneratorPoint(), baseDigits, basePointsRow, baseBits)
	return table
})

// fillTable writes rows of the multiples 1 … multiples of [2^(step·row)]P into the table, in affine form.
func fillTable(table []affineNiels, p *edwards25519.Point, rows, multiples, step int) {
	weight := new(edwards25519.Point).Set(p)
	points := make([]edwards25519.Point, rows*multiples)
	for r := range rows {
		row := points[r*multiples:][:multiples]
		row[0].Set(weight)
		for m := 1; m < multiples; m++ {
			row[m].Add(&row[m-1], weight)
		}
		for range step {
			weight.Add(weight, weight)
		}
	}
	setAffine(table, points)
}

// setAffine brings all points to Z = 1 with a single inversion (Montgomery's trick) and writes them in Niels form.
func setAffine(table []affineNiels, points []edwards25519.Point) {
	var product field.Element
	product.One()
	before := make([]field.Element, len(points)) // the product of all Z before this point's
	for i := range points {
		_, _, z, _ := points[i].ExtendedCoordinates()
		before[i].Set(&product)
		product.Multiply(&product, z)
	}
	inverse := product.Invert(&product) // of the product of all Z up to this point's
	for i := len(points) - 1; i >= 0; i-- {
		x, y, z, _ := points[i].ExtendedCoordinates()
		var zInverse field.Element
		zInverse.Multiply(inverse, &before[i])
		inverse.Multiply(inverse, z)
		table[i].set(x.Multiply(x, &zInverse), y.Multiply(y, &zInverse))
	}
}

// signedDigits writes a little-endian scalar below 2^253 as digits of the given number of bits (at most 8), each from -2^(bits-1)
// to 2^(bits-1) - 1 but for the last one, which keeps the carry.
func signedDigits(digits []int16, scalar []byte, bits uint) {
	half, mask := int16(1)<<(bits-1), uint16(1)<<bits-1
	carry := int16(0)
	for i := range digits {
		at := uint(i) * bits
		word := uint16(scalar[at/8])
		if at/8+1 < uint(len(scalar)) {
			word |= uint16(scalar[at/8+1]) << 8
		}
		d := int16(word>>(at%8)&mask) + carry
		carry = 0
		if d >= half && i < len(digits)-1 {
			d -= half << 1
			carry = 1
		}
		digits[i] = d
	}
}
