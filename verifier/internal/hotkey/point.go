package hotkey

import (
	"filippo.io/edwards25519/field"
)

// twiceD is 2d of the curve -x² + y² = 1 + dx²y².
var twiceD = func() field.Element {
	d, err := new(field.Element).SetBytes([]byte{
		0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75, 0xab, 0xd8, 0x41, 0x41, 0x4d, 0x0a, 0x70, 0x00,
		0x98, 0xe8, 0x79, 0x77, 0x79, 0x40, 0xc7, 0x8c, 0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52,
	})
	if err != nil {
		panic(err)
	}
	return *new(field.Element).Add(d, d)
}()

// affineNiels is a point as the additions want it: y+x, y-x, 2dxy.
type affineNiels struct {
	yPlusX, yMinusX, xy2d field.Element
}

func (n *affineNiels) set(x, y *field.Element) {
	n.yPlusX.Add(y, x)
	n.yMinusX.Subtract(y, x)
	n.xy2d.Multiply(x, y)
	n.xy2d.Multiply(&n.xy2d, &twiceD)
}

// accumulator is a point in extended coordinates (x = X/Z, y = Y/Z, T = XY/Z; Hisil, Wong, Carter, Dawson 2008). The formulas are
// complete: they hold for any two points of the curve, those of small order included.
type accumulator struct {
	x, y, z, t field.Element
}

func newAccumulator() *accumulator {
	p := new(accumulator)
	p.y.One()
	p.z.One()
	return p
}

// addKeyMultiple adds [scalar]P, where the table is P's. The rows of the table serve every keyStride-th digit; the digits between
// them are added first and brought to their weight by doubling.
func (p *accumulator) addKeyMultiple(table *keyTable, scalar []byte) {
	var digits [keyDigits]int16
	signedDigits(digits[:], scalar, keyBits)
	for offset := keyStride - 1; offset >= 0; offset-- {
		for i := offset; i < keyDigits; i += keyStride {
			p.addDigit(table[i/keyStride*keyMultiples:][:keyMultiples], digits[i])
		}
		if offset > 0 {
			for range keyBits {
				p.double()
			}
		}
	}
}

// addBaseMultiple adds [scalar]B.
func (p *accumulator) addBaseMultiple(table *baseTable, scalar []byte) {
	var digits [baseDigits]int16
	signedDigits(digits[:], scalar, baseBits)
	for i, d := range digits {
		p.addDigit(table[i*basePointsRow:][:basePointsRow], d)
	}
}

func (p *accumulator) addDigit(row []affineNiels, digit int16) {
	switch {
	case digit > 0:
		p.add(&row[digit-1].yPlusX, &row[digit-1].yMinusX, &row[digit-1].xy2d, false)
	case digit < 0:
		p.add(&row[-digit-1].yMinusX, &row[-digit-1].yPlusX, &row[-digit-1].xy2d, true)
	}
}

// add adds the affine point that the three values stand for; to subtract it the caller swaps the first two and sets negative.
func (p *accumulator) add(yPlusX, yMinusX, xy2d *field.Element, negative bool) {
	var a, b, c, d, e, f, g, h field.Element
	a.Subtract(&p.y, &p.x)
	a.Multiply(&a, yMinusX)
	b.Add(&p.y, &p.x)
	b.Multiply(&b, yPlusX)
	c.Multiply(&p.t, xy2d)
	d.Add(&p.z, &p.z)
	e.Subtract(&b, &a)
	h.Add(&b, &a)
	if negative {
		f.Add(&d, &c)
		g.Subtract(&d, &c)
	} else {
		f.Subtract(&d, &c)
		g.Add(&d, &c)
	}
	p.x.Multiply(&e, &f)
	p.y.Multiply(&g, &h)
	p.z.Multiply(&f, &g)
	p.t.Multiply(&e, &h)
}

// double adds the point to itself.
func (p *accumulator) double() {
	var a, b, c, e, f, g, h field.Element
	a.Square(&p.x)
	b.Square(&p.y)
	c.Square(&p.z)
	c.Add(&c, &c)
	h.Add(&a, &b)
	e.Add(&p.x, &p.y)
	e.Square(&e)
	e.Subtract(&h, &e)
	g.Subtract(&a, &b)
	f.Add(&c, &g)
	p.x.Multiply(&e, &f)
	p.y.Multiply(&g, &h)
	p.z.Multiply(&f, &g)
	p.t.Multiply(&e, &h)
}

// encode returns the point as RFC 8032 writes it: y, reduced, with the sign of x in the top bit.
func (p *accumulator) encode() [32]byte {
	var inverse, x, y field.Element
	inverse.Invert(&p.z)
	x.Multiply(&p.x, &inverse)
	y.Multiply(&p.y, &inverse)
	out := [32]byte(y.Bytes())
	out[31] |= byte(x.IsNegative() << 7)
	return out
}
