// Package clients holds the tests of other people's programs against a cluster of real processes, and nothing else: the commands and snippets that the service's
// published documentation prints, run as they are printed, and signatures that OpenSSL and WebCrypto make. What each part does alone is tested beside it.
//
// What is printed lies in testdata/printed, a file for each snippet, and is never changed to fit. The tests put in place only what a reader would: the host,
// the API key, and in examples of data the hashes, IDs and times that the page abbreviates or invents. Each test names what it replaces, and fails where that does not stand in the snippet.
package clients
