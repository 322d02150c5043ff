package pgserver

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ErrInUse says that another process runs the server in this folder.
var ErrInUse = errors.New("the data folder is in use by another process")

// maxLogBytes is the size at which postgres.log is put aside at the next start.
const maxLogBytes = 16 << 20

// folder is an Options.DataDir that this process has locked.
type folder struct {
	path    string // absolute, symbolic links resolved
	owner   int    // user id of the folder itself
	ownerG  int
	account *account // whom Postgres runs as; nil: as we do
	lock    *os.File
	log     *os.File
}

func (f *folder) data() string    { return filepath.Join(f.path, "data") }
func (f *folder) logPath() string { return filepath.Join(f.path, "postgres.log") }

// openFolder makes the folder if need be, takes its lock and opens the log.
func openFolder(path string) (_ *folder, err error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, err
	}
	f := &folder{path: path}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	f.owner, f.ownerG = ownerOf(info)
	if me := os.Geteuid(); me != 0 && f.owner != me {
		return nil, fmt.Errorf("the data folder %s belongs to user %d, not to you (%d)", path, f.owner, me)
	}
	if err := f.takeLock(); err != nil {
		return nil, err
	}
	// The wall between the server's account and everything beside its data.
	if err := os.Chmod(path, 0o700); err != nil {
		return nil, err
	}
	if f.account, err = accountFor(f); err != nil {
		return nil, err
	}
	return f, f.openLog()
}

func (f *folder) takeLock() error {
	name := filepath.Join(f.path, "lock")
	if _, err := os.Lstat(name); errors.Is(err, os.ErrNotExist) {
		entries, err := os.ReadDir(f.path)
		if err != nil {
			return fmt.Errorf("the data folder: %w", err)
		}
		// Somebody's home by mistake: changing its mode would do harm.
		if len(entries) > 0 && !appeared(name) {
			return fmt.Errorf("%s holds other files (%s): give the server a folder of its own", f.path, entries[0].Name())
		}
	}
	file, err := f.open(name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return fmt.Errorf("open the lock of the data folder: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer file.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("lock %s: %w", name, err)
		}
		holder, _ := io.ReadAll(io.LimitReader(file, 32))
		return fmt.Errorf("%w: process %s runs the server in %s; stop it, or use another folder",
			ErrInUse, strings.TrimSpace(string(holder)), f.path)
	}
	f.lock = file
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// appeared says that a rival made the lock between our two looks.
func appeared(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// open opens a file of ours so that, made by root, it belongs to the folder's
// owner: he may be the one who starts the server next time.
func (f *folder) open(name string, flag int) (*os.File, error) {
	file, err := os.OpenFile(name, flag|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		if err := file.Chown(f.owner, f.ownerG); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	return file, nil
}

func (f *folder) openLog() (err error) {
	if info, err := os.Lstat(f.logPath()); err == nil && info.Size() > maxLogBytes {
		if err := os.Rename(f.logPath(), f.logPath()+".1"); err != nil {
			return fmt.Errorf("put the old log aside: %w", err)
		}
	}
	if f.log, err = f.open(f.logPath(), os.O_RDWR|os.O_CREATE|os.O_APPEND); err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	return nil
}

func (f *folder) logSize() int64 {
	info, err := f.log.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// logSince is what was logged from offset on, its last 4 KiB.
func (f *folder) logSince(offset int64) string {
	const most = 4096
	size := f.logSize()
	buf := make([]byte, min(size-min(offset, size), most))
	n, _ := f.log.ReadAt(buf, size-int64(len(buf)))
	return strings.TrimSpace(string(buf[:n]))
}

// initialised says whether initdb has been completed here.
func (f *folder) initialised() bool { return f.major() != 0 }

// major is the version of Postgres that made the cluster, 0 if there is none.
func (f *folder) major() int {
	raw, err := os.ReadFile(filepath.Join(f.data(), "PG_VERSION"))
	if err != nil {
		return 0
	}
	v, _ := strconv.Atoi(strings.TrimSpace(string(raw)))
	return v
}

// handedFolder is how a child sees the first folder it was handed open.
const handedFolder = "/proc/self/fd/3"

// dataArg is what -D must be. An account that cannot walk down to the folder
// gets it as an open file instead: a path through /proc/self/fd goes straight
// to the folder and asks nothing of those above it.
func (f *folder) dataArg() string {
	if f.account != nil {
		return handedFolder
	}
	return f.data()
}

// command is a program of Postgres's, to be run on dir by the right account and
// with its output in the log. The caller closes the files after starting it.
func (f *folder) command(program, dir string, args ...string) (*exec.Cmd, func(), error) {
	cmd := exec.Command(program, args...)
	cmd.Dir = "/" // the caller's may be closed to the account
	cmd.Env = childEnv(os.Environ())
	cmd.Stdout, cmd.Stderr = f.log, f.log
	// A session of its own: Ctrl-C at the terminal is for us, who then stop
	// the server in good order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if f.account == nil {
		return cmd, func() {}, nil
	}
	handle, err := os.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	cmd.SysProcAttr.Credential = f.account.credential()
	cmd.ExtraFiles = []*os.File{handle}
	return cmd, func() { _ = handle.Close() }, nil
}

// childEnv leaves out what would bend Postgres's behaviour from outside.
func childEnv(env []string) []string {
	kept := []string{"LC_ALL=C", "TZ=UTC"}
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "PG") || strings.HasPrefix(name, "LC_") || name == "LANG" || name == "LANGUAGE" || name == "TZ" {
			continue
		}
		kept = append(kept, kv)
	}
	return kept
}

func (f *folder) close() {
	for _, file := range []*os.File{f.log, f.lock} { // the lock last
		if file != nil {
			_ = file.Close()
		}
	}
}
