package pgserver

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

const socketName = "/.s.PGSQL." + port

// maxSocketPath is the longest socket path that the kernel takes: sun_path
// without its closing zero (unix(7); 104 bytes on the BSDs and macOS).
func maxSocketPath() int {
	if runtime.GOOS == "linux" {
		return 107
	}
	return 103
}

// prepareSocketDir returns a folder of mode 0700 that belongs to the server's
// account and whose path is short enough.
func prepareSocketDir(want string, f *folder) (string, error) {
	uid, gid := os.Geteuid(), os.Getegid()
	if f.account != nil {
		uid, gid = f.account.uid, f.account.gid
	}
	if want == "" {
		want = filepath.Join(f.path, "run")
	}
	want, err := filepath.Abs(want)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(f.path))
	short := "quittance-" + strconv.Itoa(uid) + "-" + hex.EncodeToString(sum[:6])
	var reasons []error
	for _, dir := range []string{want, filepath.Join(os.TempDir(), short), filepath.Join("/tmp", short)} {
		if err := makePrivate(dir, uid, gid, f.account); err != nil {
			reasons = append(reasons, err)
			continue
		}
		return dir, nil
	}
	return "", fmt.Errorf("no place for the socket: %w", errors.Join(reasons...))
}

func makePrivate(dir string, uid, gid int, a *account) error {
	if n := len(dir) + len(socketName); n > maxSocketPath() {
		return fmt.Errorf("%s: a socket path of %d bytes is too long, %d is the most", dir, n, maxSocketPath())
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	if a != nil && !a.reaches(filepath.Dir(dir)) {
		return fmt.Errorf("%s: user %s cannot reach it", dir, a.name)
	}
	switch err := os.Mkdir(dir, 0o700); {
	case err == nil && a != nil:
		if err := os.Lchown(dir, uid, gid); err != nil {
			return err
		}
	case err != nil && !errors.Is(err, os.ErrExist):
		return err
	}
	// In a temporary directory anybody could have made it before us.
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if owner, _ := ownerOf(info); !info.IsDir() || owner != uid || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s: not a folder of mode 0700 that belongs to user %d (it is %s of user %d)", dir, uid, info.Mode(), owner)
	}
	return nil
}
