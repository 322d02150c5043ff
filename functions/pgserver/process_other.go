//go:build unix && !linux

package pgserver

import (
	"os"
	"syscall"
)

// setParentDeathSignal has no counterpart here; the next Start ends the orphan.
func setParentDeathSignal(*syscall.SysProcAttr, os.Signal) {}
