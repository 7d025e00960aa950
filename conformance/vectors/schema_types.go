package vectors

import "strings"

// coreTypes are the types that the protocol defines; a case each.
func (m *maker) coreTypes() []vector {
	var all []vector
	for _, typ := range strings.Fields(`mir.transaction.initiated mir.transaction.completed mir.transaction.fulfilled mir.transaction.cancelled
		mir.transaction.refunded mir.transaction.disputed mir.transaction.chargeback mir.account.created mir.account.updated
		mir.account.verified mir.account.suspended mir.account.closed mir.message.sent mir.message.received mir.response.provided`) {
		all = append(all, vector{
			name: "type-" + strings.ReplaceAll(strings.TrimPrefix(typ, "mir."), ".", "-"), title: "the core type " + typ, typ: typ,
			rule: must("Claim format, Core Types", "The following types are defined by the protocol."),
			why:  "A verifier that does not know " + typ + " drops every such event out of people's histories.",
		})
	}
	return append(all, under(ruleUnknownType(), nil, []vector{
		{name: "type-extension", title: "an extension type of the claim's own domain", typ: m.domain("shop") + ":loyalty.points_earned",
			why: "Domains record what the core does not name. Those records are no less signed."},
		{name: "type-extension-other-host", title: "an extension type of another host", typ: "shopify.com:loyalty.earned",
			why: "Shops use each other's vocabularies. The signature says who speaks, not the type."},
		{name: "type-extension-digits", title: "an extension type with digits in category and action", typ: m.domain("shop") + ":kyc2.level_3b",
			why: "Refusing digits that the format allows loses records of whole domains."},
		{name: "type-extension-mir-com", title: "mir.com:a.b, an extension type of the host mir.com", typ: "mir.com:a.b",
			why: "A host may begin with mir. as any other. Taking its types for the protocol's own robs it of its name."},
		{name: "type-extension-punycode", title: "an extension type of an internationalised host", typ: "xn--bcher-kva.example:review.submitted",
			why: "Businesses with names in other scripts would be shut out."},
		{name: "type-extension-punycode-last", title: "an extension type of a host whose last label is internationalised", typ: "shop.xn--p1ai:review.submitted",
			why: "Whole countries have their top-level domain in another script."},
		{name: "type-unlisted-core", title: "a well-formed mir. type that the protocol does not list (yet)", typ: "mir.transaction.escrowed",
			rule: must(claimPage, "Every well-formed type verifies"), why: "A type of the protocol's next version must not make old verifiers call an honest record forged."},
	})...)
}

func (m *maker) typeFaults() []vector {
	one := func(name, typ, title, why string) vector {
		return vector{name: "type-" + name, typ: typ, title: title, why: why}
	}
	all := under(ruleType(), invalid(), []vector{
		one("upper-case-category", "mir.Transaction.completed", "a category with an upper-case letter", "Two spellings of one event split its count."),
		one("upper-case-action", "mir.transaction.Completed", "an action with an upper-case letter", "Filters by type would miss it, and a person's record with it."),
		one("upper-case-prefix", "MIR.transaction.completed", "the prefix MIR.", "It looks like the protocol's own type and is none: readers would be misled."),
		one("three-parts", "mir.transaction.completed.twice", "a core type with a part too many", "Readers that cut it short count an event that did not happen."),
		one("one-part", "mir.transaction", "a core type without an action", "A record that does not say what happened counts as anything."),
		one("empty-category", "mir..completed", "an empty category", "It belongs to no kind of event, and some filters take it for all kinds."),
		one("empty-action", "mir.transaction.", "an empty action", "It says that something happened and not what."),
		one("no-prefix", "transaction.completed", "a type without prefix", "Nobody answers for the meaning of a word without a namespace."),
		one("digit-first", "mir.1a.b", "a category that begins with a digit", "Where one side allows it and the other does not, the record is lost on the way."),
		one("underscore-in-category", "mir.a_b.c", "an underscore in the category", "The format allows it in actions alone. Lenient nodes keep what strict ones drop."),
		one("hyphen", "mir.transaction.part-paid", "a hyphen in the action", "Lenient nodes would keep what strict ones drop."),
		one("space", "mir.transaction.completed ", "a space behind the type", "Trimmed in one place and not in another, it is two types."),
		one("line-feed", `mir.transaction.completed\n`, "a line feed behind the type", "Many regular expressions let a final line feed pass, and logs would get forged lines."),
		one("not-ascii", "mir.transaction.complété", "a letter that is not ASCII", "Look-alike letters make two types that people cannot tell apart."),
		one("look-alike", "mir.transaction.сompleted", "a Cyrillic letter that looks like c", "People see an ordinary event; filters and counts see another."),
	})
	return append(all, under(ruleExtensionHost(), invalid(), []vector{
		one("host-without-dot", "shop:loyalty.earned", "an extension type of a host without a dot", "A name that nobody can own is a name that everybody can claim."),
		one("host-empty", ":loyalty.earned", "an extension type without a host", "The event would belong to nobody."),
		one("host-address", "192.0.2.1:loyalty.earned", "an extension type of an IP address", "Addresses change hands every day, and with them the meaning of the record."),
		one("host-wildcard", "*.example.com:loyalty.earned", "an extension type of a wildcard", "It would speak in the name of domains that never agreed."),
		one("host-port", "example.com:8080:loyalty.earned", "an extension type with a port", "A second colon makes readers cut the type in different places."),
		one("extension-one-part", "shop.example.com:loyalty", "an extension type without an action", "It says that something happened and not what."),
		one("extension-upper-case", "shop.example.com:Loyalty.earned", "an extension type with an upper-case category", "Two spellings of one event split its count."),
		one("core-behind-host", "shop.example.com:mir.transaction.completed", "a core type behind a host", "A reader that looks for the ending takes it for the protocol's own event."),
	})...)
}
