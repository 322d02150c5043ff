//go:build unix && !linux

package pgserver

// memoryTempDir: there is no folder in memory that one can count on.
func memoryTempDir() string { return "" }
