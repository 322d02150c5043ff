package pgserver

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
)

const (
	memoryDir   = "/dev/shm"
	tmpfsMagic  = 0x01021994 // TMPFS_MAGIC in linux/magic.h
	roomNeeded  = 2 << 30    // bytes free in memoryDir: the cluster, its log and some hundred test databases
	spareNeeded = 4 << 30    // bytes of memory to be had, so that the tests themselves are not starved
)

// memoryTempDir is a folder in memory with room for a cluster, "" if there is
// none. Cloning a database makes some three hundred files, which a disk's file
// system can take half a second over, and memory a few milliseconds. A container
// often has a /dev/shm of 64 MB: that one will not do.
func memoryTempDir() string {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(memoryDir, &fs); err != nil || fs.Type != tmpfsMagic {
		return ""
	}
	if fs.Bavail*uint64(fs.Bsize) < roomNeeded || memoryAvailable() < spareNeeded {
		return ""
	}
	return memoryDir
}

// memoryAvailable is the kernel's estimate in bytes, 0 if it gives none.
func memoryAvailable() int64 {
	raw, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	_, after, found := bytes.Cut(raw, []byte("MemAvailable:"))
	var kib int64
	if _, err := fmt.Sscanf(string(after), "%d kB", &kib); !found || err != nil {
		return 0
	}
	return kib << 10
}
