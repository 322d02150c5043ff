package secret

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Limit bounds a secret's file, in bytes; a longer one is not a secret.
const Limit = 64 << 10

// lookEvery is how old what Get gives may be.
const lookEvery = time.Second

// File is a secret in a file, as T. Its methods may be called from any
// goroutine. Make one with Watch.
type File[T any] struct {
	path  string
	parse func(content []byte) (T, error)
	began time.Time // lookedAt counts from here, on the monotonic clock

	lookedAt atomic.Int64 // nanoseconds after began of the last look
	value    atomic.Pointer[T]
	mu       sync.Mutex // of whoever looks
	bad      bool       // the last look found no good value
}

// Watch makes a File of the file at path, whose content parse understands. The
// file is not looked at yet: it may come later.
func Watch[T any](path string, parse func(content []byte) (T, error)) *File[T] {
	return &File[T]{path: path, parse: parse, began: time.Now()}
}

// Text is the parse of a secret that is one string; white space round it is not
// part of it.
func Text(content []byte) (string, error) {
	value := strings.TrimSpace(string(content))
	if value == "" {
		return "", errors.New("is empty")
	}
	return value, nil
}

// Now looks at the file and gives its value, or the last good one. The error
// says that there never was one.
func (f *File[T]) Now() (T, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lookedAt.Store(int64(time.Since(f.began)))
	value, err := f.read()
	if err == nil {
		if f.bad && f.value.Load() != nil {
			slog.Info("the secret's file is good again", "file", f.path)
		}
		f.bad = false
		f.value.Store(&value)
		return value, nil
	}
	last := f.value.Load()
	if last == nil {
		var none T
		return none, err
	}
	if !f.bad {
		f.bad = true
		slog.Warn("the secret's file is not good, the value before stays in use", "error", err)
	}
	return *last, nil
}

// Get is Now for what is asked very often: it looks at the file once per second
// at most.
func (f *File[T]) Get() (T, error) {
	if last := f.value.Load(); last != nil && int64(time.Since(f.began))-f.lookedAt.Load() < int64(lookEvery) {
		return *last, nil
	}
	return f.Now()
}

func (f *File[T]) read() (value T, err error) {
	file, err := os.Open(f.path)
	if err != nil {
		return value, fmt.Errorf("read secret: %w", err)
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, Limit+1))
	switch {
	case err != nil:
		return value, fmt.Errorf("read secret: %w", err)
	case len(content) > Limit:
		return value, fmt.Errorf("read secret: %s is longer than %d bytes", f.path, Limit)
	}
	if value, err = f.parse(content); err != nil {
		return value, fmt.Errorf("read secret: %s %w", f.path, err)
	}
	return value, nil
}
