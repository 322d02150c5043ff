package pgserver

import (
	"os"
	"syscall"
)

func setParentDeathSignal(attr *syscall.SysProcAttr, s os.Signal) {
	if sig, ok := s.(syscall.Signal); ok {
		attr.Pdeathsig = sig
	}
}
