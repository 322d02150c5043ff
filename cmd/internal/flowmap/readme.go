package flowmap

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// The pictures stand between these two lines of README.md.
const (
	begin = "<!-- flow: generated from infra/ and the event catalogue by `quittance events generate` -->\n"
	end   = "<!-- /flow -->\n"
)

// Write draws the pictures anew in the README.md below root.
func Write(root string) error {
	file, now, wanted, err := draw(root)
	if err != nil || bytes.Equal(now, wanted) {
		return err
	}
	return os.WriteFile(file, wanted, 0o644)
}

// Stale tells whether the README.md below root shows other pictures than the
// tree would give now.
func Stale(root string) (bool, error) {
	_, now, wanted, err := draw(root)
	return err == nil && !bytes.Equal(now, wanted), err
}

func draw(root string) (file string, now, wanted []byte, err error) {
	m, err := Read(root)
	if err != nil {
		return "", nil, nil, err
	}
	file = filepath.Join(root, "README.md")
	if now, err = os.ReadFile(file); err != nil {
		return "", nil, nil, err
	}
	wanted, err = between(now, m.Pictures())
	return file, now, wanted, err
}

// between puts the pictures between the two lines, each of which must be there
// once.
func between(page, pictures []byte) ([]byte, error) {
	if bytes.Count(page, []byte(begin)) != 1 || bytes.Count(page, []byte(end)) != 1 {
		return nil, fmt.Errorf("README.md must have each of these lines once: %q, %q", begin, end)
	}
	before, rest, _ := bytes.Cut(page, []byte(begin))
	_, after, found := bytes.Cut(rest, []byte(end))
	if !found {
		return nil, fmt.Errorf("README.md ends the pictures before it begins them")
	}
	return bytes.Join([][]byte{before, []byte(begin), []byte("\n"), pictures, []byte("\n"), []byte(end), after}, nil), nil
}
