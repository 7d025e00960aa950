package node

import "net/http"

// PublicServer is the public listener's server, to be served on a listener of a test's own.
func (n *Node) PublicServer() *http.Server { return n.public.http }
