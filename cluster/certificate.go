package cluster

import "crypto/tls"

// Certificate gives a certificate of the cluster's authority for a host name, made on first use: for tests that play a peer of their own, whose
// address they publish with UpdatePublished. Whoever asks for one holds the cluster's process, and so its authority, anyway.
func (c *Cluster) Certificate(host string) (*tls.Certificate, error) {
	return c.names.authority.certificateFor(host)
}
