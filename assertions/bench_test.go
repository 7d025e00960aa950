package assertions_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"mirnode/assertions"
	"mirnode/protocol"
	"mirnode/store"
)

const (
	benchIssuers = 100
	benchFiles   = 50_000
	benchOfFile  = 2 // assertions about each file
)

// crowd fills a store with assertions by many issuers about many files. The store does not verify, so that nothing need be signed.
func crowd(b *testing.B) *world {
	w := newWorld(b)
	issuers := make([]*issuer, benchIssuers)
	for n := range issuers {
		issuers[n] = w.issuer()
	}
	const writers = 64
	var together sync.WaitGroup
	for writer := range writers {
		together.Go(func() {
			var batch []store.RecordToAppend
			for file := writer; file < benchFiles; file += writers {
				for n := range benchOfFile {
					i := issuers[(file+n)%benchIssuers]
					signed := i.payload(protocol.AssertionTypes()[n*3], artifact(file)).Encode()
					a, err := protocol.NewAssertion(signed, i.signer.key.Fingerprint, make([]byte, protocol.SignatureBytes), &protocol.AssertionMetadata{
						DisplayName: fmt.Sprintf("Photo %d", file), ArtifactMimeType: "image/jpeg", ArtifactByteSize: ptr(uint64(file)),
					})
					if err != nil {
						b.Error(err)
						return
					}
					batch = append(batch, store.RecordToAppend{Record: a})
				}
				if len(batch) >= store.MaxAppendRecords-benchOfFile || file+writers >= benchFiles {
					if _, err := w.store.AppendRecords(context.Background(), batch); err != nil {
						b.Error(err)
						return
					}
					batch = batch[:0]
				}
			}
		})
	}
	together.Wait()
	b.ReportAllocs()
	return w
}

// hashes are those of the files, made before the clock runs.
func hashes() [][32]byte {
	all := make([][32]byte, benchFiles)
	for n := range all {
		all[n] = artifact(n * 7919 % benchFiles) // in no order of theirs
	}
	return all
}

func BenchmarkLookup(b *testing.B) {
	w, files, n := crowd(b), hashes(), 0
	var answer []byte
	var err error
	for b.Loop() {
		if answer, err = w.service.AppendLookup(b.Context(), answer[:0], files[n%benchFiles], ""); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.SetBytes(int64(len(answer)))
}

func BenchmarkBatch(b *testing.B) {
	w, files, n := crowd(b), hashes(), 0
	var answer []byte
	var err error
	for b.Loop() {
		at := n * assertions.MaxBatch % benchFiles
		if answer, err = w.service.AppendBatch(b.Context(), answer[:0], files[at:at+assertions.MaxBatch]); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.SetBytes(int64(len(answer)))
}
