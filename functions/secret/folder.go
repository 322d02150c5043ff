package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Files reads every file of a folder that the platform mounts: its content by its
// name. A folder that is not there holds none. The error names what could not be
// read; the rest is returned all the same.
func Files(folder string) (map[string][]byte, error) {
	files := map[string][]byte{}
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return files, nil
	}
	wrong := []error{err}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") { // the folders behind a mount
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		files[entry.Name()] = content
	}
	if err := errors.Join(wrong...); err != nil {
		return files, fmt.Errorf("read %s: %w", folder, err)
	}
	return files, nil
}
