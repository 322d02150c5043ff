package secret_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/functions/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

// listen gives what is logged from now on.
func listen(t *testing.T) *bytes.Buffer {
	t.Helper()
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return &log
}

// TestA29_ANewValueIsUsedWithoutARestart, and whatever a rotation looks like in
// the middle, the old one works until the new one is whole.
func TestA29_ANewValueIsUsedWithoutARestart(t *testing.T) {
	log := listen(t)
	path := filepath.Join(t.TempDir(), "token")
	f := secret.Watch(path, secret.Text)
	_, err := f.Now()
	require.ErrorIs(t, err, os.ErrNotExist, "there never was a value")
	is := func(want string) {
		t.Helper()
		got, err := f.Now()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	write(t, path, "one\n")
	is("one")
	write(t, path, "  two\r\n")
	is("two")
	for name, spoil := range map[string]func(){
		"empty":                  func() { write(t, path, "") },
		"white space":            func() { write(t, path, " \n") },
		"longer than any secret": func() { write(t, path, strings.Repeat("x", secret.Limit+1)) },
		"gone":                   func() { require.NoError(t, os.Remove(path)) },
		"a folder":               func() { require.NoError(t, os.Remove(path)); require.NoError(t, os.Mkdir(path, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			require.NoError(t, os.RemoveAll(path))
			write(t, path, "two")
			is("two")
			spoil()
			is("two")
			is("two")
			require.Equal(t, 1, strings.Count(log.String(), "level=WARN"), "one warning, not one per use: %s", log)
			require.NotContains(t, log.String(), "two", "a secret is not logged")
			require.NoError(t, os.RemoveAll(path))
			write(t, path, "three")
			is("three")
			require.Contains(t, log.String(), "good again")
		})
	}
}

// TestA29_AMountedSecretIsSwapped does what the kubelet does: the file is a link
// into a folder that is a link itself, and that one is replaced at once.
func TestA29_AMountedSecretIsSwapped(t *testing.T) {
	mount := t.TempDir()
	put := func(version, value string) {
		require.NoError(t, os.Mkdir(filepath.Join(mount, version), 0o700))
		write(t, filepath.Join(mount, version, "password"), value)
		require.NoError(t, os.Symlink(version, filepath.Join(mount, "..data_tmp")))
		require.NoError(t, os.Rename(filepath.Join(mount, "..data_tmp"), filepath.Join(mount, "..data")))
	}
	put("..2026_01", "first")
	path := filepath.Join(mount, "password")
	require.NoError(t, os.Symlink(filepath.Join("..data", "password"), path))
	f := secret.Watch(path, secret.Text)
	for _, version := range []string{"first", "second", "third"} {
		if version != "first" {
			put("..2026_"+version, version)
		}
		got, err := f.Now()
		require.NoError(t, err)
		require.Equal(t, version, got)
	}
}

// TestGetLooksOncePerSecond, because it is asked for every event.
func TestGetLooksOncePerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "keys")
		parsed := 0
		f := secret.Watch(path, func(content []byte) (string, error) { parsed++; return secret.Text(content) })
		_, err := f.Get()
		require.Error(t, err)
		write(t, path, "one")
		is := func(want string, looks int) {
			t.Helper()
			got, err := f.Get()
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.Equal(t, looks, parsed)
		}
		is("one", 1) // without a value every call looks
		write(t, path, "two")
		is("one", 1)
		time.Sleep(999 * time.Millisecond)
		is("one", 1)
		time.Sleep(time.Millisecond)
		is("two", 2)
		is("two", 2)
	})
}

// TestWhatCannotBeParsedChangesNothing.
func TestWhatCannotBeParsedChangesNothing(t *testing.T) {
	listen(t)
	path := filepath.Join(t.TempDir(), "keys")
	f := secret.Watch(path, func(content []byte) (string, error) {
		if bytes.HasPrefix(content, []byte("half")) {
			return "", errors.New("is half a key")
		}
		return secret.Text(content)
	})
	write(t, path, "half")
	_, err := f.Now()
	require.ErrorContains(t, err, path+" is half a key")
	write(t, path, "whole")
	_, err = f.Now()
	require.NoError(t, err)
	write(t, path, "half again")
	got, err := f.Now()
	require.NoError(t, err)
	require.Equal(t, "whole", got)
}

// TestManyAtOnce: readers and a rotation do not disturb each other.
func TestManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, "old")
	f := secret.Watch(path, secret.Text)
	_, err := f.Now()
	require.NoError(t, err)
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for range 200 {
				now, err := f.Now()
				got, getErr := f.Get()
				if err != nil || getErr != nil || (now != "old" && now != "new") || (got != "old" && got != "new") {
					t.Errorf("read %q %q, %v %v", now, got, err, getErr)
					return
				}
			}
		})
	}
	next := path + ".next"
	write(t, next, "new")
	require.NoError(t, os.Rename(next, path))
	readers.Wait()
	got, err := f.Now()
	require.NoError(t, err)
	require.Equal(t, "new", got)
}
