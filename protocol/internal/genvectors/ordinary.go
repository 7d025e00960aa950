package main

// ordinary returns what happens every day: claims in order, tampered claims, keys that come and go.
func ordinary() []vector {
	return complete([]vector{
		{name: "valid-claim", sent: `{"currency": "USD", "count": 1}`, text: `{"count":1,"currency":"USD"}`},
		{name: "valid-without-metadata", typ: "mir.account.created", text: noMetadata},
		{name: "valid-empty-metadata", sent: `{ }`, text: `{}`},
		{name: "valid-extension-type", typ: "vectors.example.com:loyalty.points_earned", domain: "vectors.example.com",
			timestamp: "2026-03-01T13:30:00.250+01:30", sent: `{"points": 250}`, text: `{"points":250}`},
		{name: "valid-mir-com-extension", typ: "mir.com:a.b", text: noMetadata,
			note: "mir.com:a.b is an extension type of the host mir.com, not a core type."},
		{name: "valid-upper-case-domain", domain: "Vectors.Example.COM", text: noMetadata,
			note: "The signed bytes keep the domain's case; keys are looked up in lower case."},
		{name: "valid-unknown-core-type", typ: "mir.transaction.escrowed", text: noMetadata,
			note: "Well-formed mir. types verify. A signer must not make this one."},
		{name: "canonical-order", note: "Keys sort at every level, arrays keep their order, a sig inside metadata stays.",
			sent: `{"zebra":1,"alpha":{"d":[3,{"z":1,"y":2},1],"c":null},"Zulu":true,"sig":"inner","_":false,"":0}`,
			text: `{"":0,"Zulu":true,"_":false,"alpha":{"c":null,"d":[3,{"y":2,"z":1},1]},"sig":"inner","zebra":1}`},
		{name: "canonical-strings", note: "Only the quote, the backslash and control characters are escaped.",
			sent: `{"a":"\u0022\u005C\/\u00e9\u4E2D\uD83D\uDE00","b":"\u0000\u001F\u007f\u2028\b\t\n\f\r\u0008\u000a","é":"é中😀"}`,
			text: `{"a":"\"\\/é中😀","b":"\u0000\u001f` + "\x7f\u2028" + `\b\t\n\f\r\b\n","é":"é中😀"}`},
		{name: "canonical-numbers", note: "Integers without a point, -0 as 0, the rest as the shortest decimal that round-trips.",
			sent: `{"a":[-0,-0.0,0e9,1.0,1e3,-1.50,0.10,12.34e1,2.5E-3,1e20,4.35],"n":9007199254740991}`,
			text: `{"a":[0,0,0,1,1000,-1.5,0.1,123.4,0.0025,100000000000000000000,4.35],"n":9007199254740991}`},
		{name: "tampered-domain", code: "INVALID_SIGNATURE", sent: `{"count": 1}`, text: `{"count":1}`,
			tamper: replace("vectors.example.com", "vectors.example.net"), note: "The domain was changed after signing."},
		{name: "tampered-metadata", code: "INVALID_SIGNATURE", sent: `{"count": 2}`, text: `{"count":2}`, signed: `{"count":1}`,
			note: "The count was changed from 1 to 2 after signing."},
		{name: "metadata-added", code: "INVALID_SIGNATURE", sent: `{}`, text: `{}`, signed: noMetadata,
			note: "An empty metadata object was added after signing."},
		{name: "wrong-key", code: "KEY_NOT_FOUND", key: "keyB", verifyWith: "keyA", text: noMetadata,
			note: "The domain does not publish the key that the claim names."},
		{name: "rotation-new-key", key: "keyB", text: noMetadata, note: "Signed with the new key."},
		{name: "rotation-old-key", key: "keyA_expired", timestamp: "2025-06-01T12:00:00Z", text: noMetadata,
			note: "Signed with the old key while it was valid. It is listed with expires."},
		{name: "key-expired", key: "keyA_expired", timestamp: "2026-01-01T00:10:00Z", text: noMetadata, code: "KEY_EXPIRED",
			note: "Signed more than 5 minutes after the key's end. The signature itself is valid."},
	})
}

// complete fills in what follows from the rest.
func complete(vectors []vector) []vector {
	for i := range vectors {
		v := &vectors[i]
		v.key = or(v.key, "keyA")
		v.verifyWith = or(v.verifyWith, v.key)
	}
	return vectors
}
