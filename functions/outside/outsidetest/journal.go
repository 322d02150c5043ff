package outsidetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// Journal is an emulator's book on disk: one JSON object per line, only ever
// appended to. The state of the emulator is what its entries add up to.
type Journal[E any] struct {
	mu      sync.Mutex // guards file writes and counts
	file    *os.File   // nil: memory only
	written int64      // entries in the file
	broken  error

	syncing sync.Mutex // one fsync at a time; those who wait share the next
	synced  int64      // entries known to be on disk
}

// OpenJournal opens the book at path, or makes it, and hands every entry in it
// to replay, oldest first. A last line that a crash left unfinished was never
// answered for: it is dropped. A broken line elsewhere is an error. The empty
// path keeps nothing.
func OpenJournal[E any](path string, replay func(E) error) (*Journal[E], error) {
	if path == "" {
		return &Journal[E]{}, nil
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	end, err := replayAll(file, replay)
	if err == nil {
		err = file.Truncate(end)
	}
	if err == nil {
		_, err = file.Seek(end, io.SeekStart)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path)) // the file's own name must last, too
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("open journal %s: %w", path, err)
	}
	return &Journal[E]{file: file}, nil
}

// replayAll returns the offset behind the last whole line.
func replayAll[E any](file *os.File, replay func(E) error) (int64, error) {
	all, err := io.ReadAll(file)
	if err != nil {
		return 0, err
	}
	var end int64
	for n := 1; ; n++ {
		line, rest, whole := bytes.Cut(all, []byte("\n"))
		if !whole {
			return end, nil
		}
		var entry E
		if err := json.Unmarshal(line, &entry); err != nil {
			return 0, fmt.Errorf("line %d: %w", n, err)
		}
		if err := replay(entry); err != nil {
			return 0, fmt.Errorf("line %d: %w", n, err)
		}
		end += int64(len(line)) + 1
		all = rest
	}
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	return folder.Sync()
}

// Write appends an entry. When it returns, the entry survives the death of
// this process, not yet that of the machine: see Sync. Entries stand in the
// order of their writes, so write under the lock that guards the state.
func (j *Journal[E]) Write(entry E) error {
	if j.file == nil {
		return nil
	}
	line, err := json.Marshal(entry)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		// Half a line may be in the file now; nothing may follow it.
		j.broken = fmt.Errorf("journal is broken: %w", err)
		return j.broken
	}
	j.written++
	return nil
}

// Sync returns once every entry written before it is on the disk. Callers that
// come together share one fsync. Do not hold the state's lock meanwhile.
func (j *Journal[E]) Sync() error {
	if j.file == nil {
		return nil
	}
	j.mu.Lock()
	want := j.written
	j.mu.Unlock()
	j.syncing.Lock()
	defer j.syncing.Unlock()
	if j.synced >= want {
		return nil
	}
	j.mu.Lock()
	now, broken := j.written, j.broken
	j.mu.Unlock()
	if broken != nil {
		return broken
	}
	if err := j.file.Sync(); err != nil {
		err = fmt.Errorf("journal is broken: %w", err)
		j.mu.Lock()
		j.broken = err // after a failed fsync nobody knows what is on the disk
		j.mu.Unlock()
		return err
	}
	j.synced = now
	return nil
}

// Close syncs and closes the file.
func (j *Journal[E]) Close() error {
	if j.file == nil {
		return nil
	}
	return errors.Join(j.Sync(), j.file.Close())
}
