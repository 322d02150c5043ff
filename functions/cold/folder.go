package cold

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Store is where files lie that are written once: a folder, or a bucket behind an
// adapter.
type Store interface {
	// Write stores all of content under name, or nothing; what was there under the
	// name is replaced. It returns when the content outlives a crash.
	Write(ctx context.Context, name string, content io.Reader) error
	// Read opens what was written under name.
	Read(ctx context.Context, name string) (io.ReadCloser, error)
}

// Folder is a Store in a folder of this machine, or of one that is mounted.
type Folder string

// Write writes beside the name and renames.
func (f Folder) Write(_ context.Context, name string, content io.Reader) (err error) {
	path := filepath.Join(string(f), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("store %s: %w", name, err)
	}
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("store %s: %w", name, err)
	}
	_, err = io.Copy(file, content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("store %s: %w", name, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("store %s: %w", name, err)
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a name last.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Read opens the file.
func (f Folder) Read(_ context.Context, name string) (io.ReadCloser, error) {
	file, err := os.Open(filepath.Join(string(f), filepath.FromSlash(name)))
	if err != nil {
		return nil, fmt.Errorf("read %s back: %w", name, err)
	}
	return file, nil
}
