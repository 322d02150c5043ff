package pgserver

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

// account is the unprivileged user that Postgres runs as when we are root.
type account struct {
	name     string
	uid, gid int
}

// accountFor picks it: the owner of the cluster if there is one, else of the
// folder, else postgres, else nobody. Nil when we are not root.
func accountFor(f *folder) (*account, error) {
	dataOwner, dataGroup := -1, -1
	if info, err := os.Stat(f.data()); err == nil {
		dataOwner, dataGroup = ownerOf(info)
	}
	if me := os.Geteuid(); me != 0 {
		if dataOwner >= 0 && dataOwner != me {
			return nil, fmt.Errorf("the cluster in %s belongs to user %d, not to you (%d)", f.path, dataOwner, me)
		}
		return nil, nil //nolint:nilnil // no account to change to is the ordinary case
	}
	if runtime.GOOS != "linux" {
		return nil, errors.New("postgres cannot run as root: start it as an ordinary user")
	}
	switch {
	case dataOwner > 0:
		return &account{name: strconv.Itoa(dataOwner), uid: dataOwner, gid: dataGroup}, nil
	case f.owner > 0:
		return &account{name: strconv.Itoa(f.owner), uid: f.owner, gid: f.ownerG}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.Atoi(u.Uid)
		gid, errG := strconv.Atoi(u.Gid)
		if err := errors.Join(errU, errG); err != nil {
			return nil, err
		}
		if uid != 0 {
			return &account{name: name, uid: uid, gid: gid}, nil
		}
	}
	return nil, errors.New("postgres cannot run as root, and there is neither a user postgres nor a user nobody to run it as")
}

func (a *account) credential() *syscall.Credential {
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
}

// canRun explains beforehand what the kernel would only call "permission denied".
func (a *account) canRun(program string) error {
	if !a.reaches(filepath.Dir(program)) {
		return fmt.Errorf("as root, Postgres runs as user %s, who cannot reach %s: install Postgres where everybody can run it", a.name, program)
	}
	return nil
}

// reaches says whether the account may walk to dir, by the permission bits.
func (a *account) reaches(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil {
			return false
		}
		uid, gid := ownerOf(info)
		var bit os.FileMode = 0o001
		switch {
		case uid == a.uid:
			bit = 0o100
		case gid == a.gid:
			bit = 0o010
		}
		if info.Mode().Perm()&bit == 0 {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}

func ownerOf(info os.FileInfo) (uid, gid int) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, -1
	}
	return int(st.Uid), int(st.Gid)
}
