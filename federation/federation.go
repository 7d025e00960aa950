// Package federation holds the tests of a whole federation, and nothing else: real processes of the built program, behind real TLS, killed, cut off, lied to.
// What each part does alone is tested beside it.
package federation
