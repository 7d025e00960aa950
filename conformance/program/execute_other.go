//go:build !linux

package program

import "syscall"

// attributes put a program into a process group of its own, so that its children end with it.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// sweep finds nothing: there is no way here to tell what has left the program's process group.
func sweep(mark) (ended, left int) { return 0, 0 }
