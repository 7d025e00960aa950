package chaos

import (
	"context"

	"mirnode/conformance/cases"
)

// The promises that a run checks, as the IDs of their cases.
const (
	kept      = "chaos/acknowledged-claims-kept"
	spread    = "chaos/acknowledged-claims-spread"
	taken     = "chaos/good-claims-taken"
	forged    = "chaos/forged-claims-refused"
	future    = "chaos/future-claims-refused"
	receipts  = "chaos/receipts-prove"
	onlyGrow  = "chaos/logs-only-grow"
	oneStory  = "chaos/no-second-history"
	agree     = "chaos/mirrors-agree"
	accused   = "chaos/nobody-honest-accused"
	invented  = "chaos/lies-not-served"
	recovered = "chaos/nodes-come-back"
)

// promise is a case without what all have in common.
type promise struct {
	id, title                 string
	level                     cases.Level
	words, section, otherwise string
}

var promises = []promise{
	{kept, "Claims are acknowledged, and their nodes killed, stopped, frozen and cut off", cases.Must,
		"The node reads the claim, finds the keys of its domain, verifies the signature, and keeps the claim as it came, byte for byte. When the answer is there the claim is on disk.", "API, Submit a claim",
		"Who was told that a claim is kept does not send it again. If it is lost then, nobody ever learns of it."},
	{spread, "Claims are acknowledged by one node while others are down or cut off", cases.Must,
		"Nodes of different domains share what they took in. Each keeps a log of its own, and mirrors the logs of its peers.", "Joining a federation",
		"A claim that only one node has ends with that node, and who asks another one is told that it does not exist."},
	{taken, "Good claims are submitted while things go wrong", cases.Must,
		"After a 4xx mend the request; after a 5xx send the same again.", "API, Errors",
		"A client that is told that its good claim is wrong throws it away, though nothing but the network was."},
	{forged, "Claims that were changed after they were signed are submitted while things go wrong", cases.Must,
		"INVALID_SIGNATURE: was not signed like this by that key", "API, Errors",
		"A node that lets a forged claim in when it is in trouble can be put into trouble for that."},
	{future, "Claims dated hours ahead are submitted, and some nodes have wrong clocks", cases.Must,
		"A claim more than 5 minutes in the future is `CLAIM_EXPIRED`.", "Protocol, Verification",
		"One node with a wrong clock would let claims from the future into every other node, and they would stand before all that comes."},
	{receipts, "The receipts of all acknowledged claims are held to the final logs", cases.Must,
		"`receipt` proves that the claim stands at `index` in the node's own log", "API, Submit a claim",
		"A receipt that proves nothing is found out only in the dispute for which it was kept."},
	{onlyGrow, "The heads of all logs are watched while things go wrong", cases.Must,
		"A log is a single, ever-growing, append-only Merkle Tree", "RFC 6962, 3",
		"Entries that somebody saw would be gone, and no one who comes later could tell."},
	{oneStory, "Nodes come back from kills, stops, freezes and wrong clocks, and go on with their logs", cases.Must,
		"A node that was restored from an older copy would write a second history, and fork itself. So a node with peers takes no claim after a start until it has asked them how long its own log is.", "Joining a federation, Backups, and the first minutes after a start",
		"A second history looks like a forger's: honest peers would have to freeze the log for ever."},
	{agree, "All is healed, and all nodes' mirrors are compared", cases.Must,
		"A node that does not reach a peer tries less and less often; after a heal it is back in step when it, or the other, tries next", "A federation on one machine, What goes wrong",
		"Two nodes that never agree again give two answers to one question."},
	{accused, "All nodes are asked whom they hold for a forger or a liar", cases.Must,
		"what it did wrong although it answers (`complaint`: a lie, a refused record, a log that went back; it stays until the operator's retry)", "API, Between nodes",
		"Whoever can have an honest node accused by cutting a cable, or by a clock, can have it shut out."},
	{invented, "Peers lie about their logs and records, and nodes are asked for what they invented", cases.Must,
		"Nobody has to trust anybody: every record is verified again by each node that takes it, and every log proves itself", "Joining a federation",
		"One lying peer could put words into any domain's mouth, at every node of the federation."},
	{recovered, "All is healed, and the nodes are asked whether they take claims again", cases.Must,
		"`/readyz` whether it can take claims now", "API, The node",
		"A node that stays away after an outage of seconds needs somebody to come and start it."},
}

// Cases gives the cases of a run, one for each promise. A [Report] is their Player.
func Cases() []cases.Case {
	list := make([]cases.Case, len(promises))
	for i, p := range promises {
		list[i] = cases.Case{
			ID: p.id, Title: p.title, Requirement: cases.Requirement{Words: p.words, Level: p.level, Section: p.section}, Why: p.otherwise, Kind: cases.KindScenario,
			Refused: p.id == forged || p.id == future || p.id == invented,
		}
	}
	return list
}

// Report is what came of a run. It is not changed any more, and implements conformance.Player for [Cases]: each of them is played already.
type Report struct {
	Plan     *Plan
	Counts   Counts
	findings map[string]*cases.Finding
}

// Counts say how much happened in a run.
type Counts struct {
	Events       int // that were done
	Submitted    int
	Acknowledged int // good claims
	Refused      int // with a 4xx
	Unanswered   int // no answer in time, or a 5xx
	Heads        int // of logs, that were seen on the way
}

// Play gives the finding of one of the [Cases].
func (r *Report) Play(_ context.Context, c *cases.Case) cases.Finding {
	f, ok := r.findings[c.ID]
	if !ok {
		return cases.Finding{Skipped: "chaos has no such case"}
	}
	return *f
}
