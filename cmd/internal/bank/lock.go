package bank

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ErrInUse means that another process runs the bank of this folder.
var ErrInUse = errors.New("another process runs the bank of this folder")

// lockFolder keeps the folder for this process until unlock, or until the
// process ends, however it ends. It comes before anything is opened: two
// processes that write one book would spoil it.
func lockFolder(folder string) (unlock func() error, err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s", ErrInUse, folder)
		}
		return nil, fmt.Errorf("lock %s: %w", folder, err)
	}
	return file.Close, nil
}
