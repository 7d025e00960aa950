package protocol

// Network is the environment that a node and all that it signs belong to. Networks cannot
// mix: the name stands in every statement and in the name of every log.
type Network string

// The networks.
const (
	Production  Network = "production"
	Staging     Network = "staging"
	Development Network = "development"
)

// ParseNetwork reads a network's name. The error is an [*Error] with [InvalidSchema].
func ParseNetwork(s string) (Network, error) {
	switch n := Network(s); n {
	case Production, Staging, Development:
		return n, nil
	}
	return "", refuse(InvalidSchema, "a network is production, staging or development", "%s is no network", quote(s))
}

// logName is the part of a log's name behind the domain.
func (n Network) logName() string {
	switch n {
	case Staging:
		return "mir-staging"
	case Development:
		return "mir-dev"
	default:
		return "mir"
	}
}
