// Package translog has the forms of a node's log, as pure values: the tree, its signed heads, and the proofs about both.
//
// A log is a list of entries that only grows. An entry is the canonical JSON of protocol.Entry, a line of about 130 bytes that commits to a
// record by its hash. The entries are the leaves of a Merkle tree (RFC 6962 section 2.1, SHA-256), and the log is served in the forms of C2SP,
// so that anybody's tools read and check it:
//
//	checkpoint   the signed head: origin, size, root (c2sp.org/tlog-checkpoint), a signed note (c2sp.org/signed-note)
//	tile         256 neighbouring hashes of the tree, 8 levels of it (c2sp.org/tlog-tiles)
//	bundle       the up to 256 entries under a tile of level 0
//	receipt      an entry, its inclusion proof and a checkpoint (c2sp.org/tlog-proof): checked offline
//	cosignature  another node's word that it saw this head, and no head that contradicts it (c2sp.org/tlog-cosignature)
//	fork         two signed heads that cannot both be, with the proof
//
//	node1.test/mir
//	20852163
//	CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//
//	— node1.test/mir Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5…
//
// [NewSigner], [NewVerifier], [SignCheckpoint] and [ParseCheckpoint] make and read heads. [Frontier] and [Grow] append. [InclusionProof],
// [ConsistencyProof] and [AuthenticatedRoot] read a tree through a [TileReader]. [Audit] re-reads a whole log and trusts none of it.
//
// Nothing here does I/O of its own or reads a clock. Everything that is parsed may come from an enemy: each form has a bound in bytes and in
// parts, and exactly one spelling. All functions may be called from several goroutines; values are not shared unless a comment says so.
package translog

import (
	"crypto/sha256"
	"errors"

	"golang.org/x/mod/sumdb/tlog"
)

// Hash is a hash of the tree: of a leaf, of a node, or of all of it (the root).
type Hash = [sha256.Size]byte

const (
	// HashSize is the length of a [Hash] in bytes.
	HashSize = sha256.Size
	// TileHeight is the height of a tile in levels of the tree.
	TileHeight = 8
	// TileWidth is the number of hashes in a full tile, and of entries in a full bundle.
	TileWidth = 1 << TileHeight
	// MaxSize is the largest tree that is understood: 2^48 entries, which a node reaches after 500 years of 15,000 a second. A head that
	// claims more is refused before anything is computed of it.
	MaxSize = 1 << sizeBits
	// MaxEntryBytes bounds an entry: a bundle gives its length in 16 bits.
	MaxEntryBytes = 1<<16 - 1
	// MaxProofHashes bounds the hashes of an inclusion or consistency proof (c2sp.org/tlog-witness; a tree of MaxSize needs fewer).
	MaxProofHashes = 63

	sizeBits   = 48
	levels     = sizeBits + 1            // levels of the tree, the leaves' and the root's included
	tileLevels = sizeBits/TileHeight + 1 // levels of tiles
)

// ErrMalformed is the kind of error for what is not in the form that it claims to have: whoever made it is at fault, and reading it again does
// not help. The text says what is wrong.
var ErrMalformed = errors.New("malformed")

// EmptyRoot is the root of a tree without entries (RFC 6962 section 2.1).
func EmptyRoot() Hash { return sha256.Sum256(nil) }

// LeafHash is the hash of an entry as a leaf (RFC 6962 section 2.1): SHA-256 of 0x00 and the entry.
func LeafHash(entry []byte) Hash {
	const usual = 512 // an entry's usual length and more: hashed from the stack
	if len(entry) >= usual {
		return Hash(tlog.RecordHash(entry))
	}
	var b [usual]byte
	return sha256.Sum256(b[:1+copy(b[1:], entry)])
}

// nodeHash is the hash of two neighbours (RFC 6962 section 2.1).
func nodeHash(left, right *Hash) Hash {
	return Hash(tlog.NodeHash(tlog.Hash(*left), tlog.Hash(*right)))
}
