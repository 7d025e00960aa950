package vectors

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"mirnode/conformance/cases"
)

// sample lists the cases that WriteSample writes, each with the name of its folder, in order.
const sample = `
valid-claim claim-schema/ordinary
valid-without-metadata claim-schema/without-metadata
valid-empty-metadata claim-schema/metadata-empty
valid-extension-type claim-schema/type-extension
valid-mir-com-extension claim-schema/type-extension-mir-com
valid-upper-case-domain claim-schema/domain-upper-case
valid-unknown-core-type claim-schema/type-unlisted-core
canonical-order canonical/names-sorted-nested
canonical-strings canonical/escapes-kept
canonical-numbers canonical/fractions
tampered-domain signature/domain-changed
tampered-metadata signature/metadata-changed
metadata-added signature/metadata-added
wrong-key keys/given-other-key
other-key-of-domain signature/other-key-of-domain
rotation-new-key time/current-key
rotation-old-key time/retired-key-old-claim
key-expired time/retired-key-new-claim
keys-above-ffff-sdk canonical/keys-above-ffff-sdk
integer-keys-text canonical/integer-keys-text
exponents-sdk canonical/large-exponents-sdk
large-integer canonical/integer-past-2-53
large-integer-rounded canonical/integer-past-2-53-rounded
proto-name canonical/proto-name
duplicate-in-metadata claim-schema/duplicate-in-metadata
number-too-large canonical/number-too-large
key-identity signature/key-identity
lone-surrogate canonical/lone-surrogate
sig-padded signature/sig-padded
s-plus-l signature/s-plus-l
domain-address claim-schema/domain-address
depth-32 claim-schema/depth-32
`

// WriteSample writes some of the cases, which Generate made, to a folder in the layout of the protocol's public draft, with short names: 01-valid-claim
// and so on. What the folder held before is removed.
func WriteSample(dir string, all []cases.Case) error {
	folders := make(map[string]string)
	var chosen []cases.Case
	for i, line := range strings.Split(strings.TrimSpace(sample), "\n") {
		name, id, _ := strings.Cut(line, " ")
		at := slices.IndexFunc(all, func(c cases.Case) bool { return c.ID == id })
		if at < 0 {
			return fmt.Errorf("the sample names the case %s, which there is none", id)
		}
		folders[id] = fmt.Sprintf("%02d-%s", i+1, name)
		chosen = append(chosen, all[at])
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	written, err := writeLayout(dir, chosen, func(c *cases.Case) string { return folders[c.ID] })
	if err == nil && written != len(chosen) {
		err = fmt.Errorf("the layout holds %d of the sample's %d cases", written, len(chosen))
	}
	return err
}
