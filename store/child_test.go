package store_test

// runChild runs the program's part of a test that needs a process of its own, and tells whether it was one.
func runChild() bool { return false }
