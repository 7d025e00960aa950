package peer

import (
	"encoding/json"
	"strings"

	"mirnode/conformance/cases"
)

// Plan is a peer that a run has.
type Plan struct {
	Domain string
	// Descriptor is what is wrong with its descriptor from the beginning (see Descriptors); "": nothing.
	Descriptor string
	// Stranger: the nodes under test do not name it as a peer.
	Stranger bool
}

// planned are the members of a step "peer" that say which peer there must be.
type planned struct {
	Name       string `json:"name"`
	Descriptor string `json:"descriptor"`
	Stranger   bool   `json:"stranger"`
}

// Plans reads out of cases which peers they need, in the order of the cases. The first step that names a peer says how it begins.
func Plans(all []cases.Case, suffix string) (list []Plan) {
	for i := range all {
		known := make(map[string]bool)
		for _, raw := range all[i].Steps {
			var step struct {
				Peer *planned `json:"peer"`
			}
			if json.Unmarshal(raw, &step) != nil || step.Peer == nil {
				continue // whoever plays the step says what is wrong with it
			}
			domain := Domain(all[i].ID, step.Peer.Name, suffix)
			if !known[domain] {
				known[domain] = true
				list = append(list, Plan{Domain: domain, Descriptor: step.Peer.Descriptor, Stranger: step.Peer.Stranger})
			}
		}
	}
	return list
}

// Domain is the domain of a case's peer: its name may be "", for cases that have one.
func Domain(id, name, suffix string) string {
	_, label, _ := strings.Cut(id, "/")
	if name != "" {
		label += "-" + name
	}
	return "peer-" + label + "." + suffix
}

// Domains lists the domains that nodes under test must name as their peers, for these cases.
func Domains(all []cases.Case, suffix string) (list []string) {
	for _, plan := range Plans(all, suffix) {
		if !plan.Stranger {
			list = append(list, plan.Domain)
		}
	}
	return list
}
