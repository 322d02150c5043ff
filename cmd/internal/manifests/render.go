package manifests

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Render builds the kustomization in folder. When it cannot be built, the Set
// still holds the files that were read so far.
//
// Names of files in the Set are relative to the working directory where that is
// shorter, as a compiler prints them.
func Render(folder string) (*Set, error) {
	s := &Set{Name: folder}
	disk := &recorder{FileSystem: filesys.MakeFsOnDisk(), set: s}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, folder)
	if err != nil {
		return s, fmt.Errorf("render %s: %w", folder, err)
	}
	for _, r := range built.Resources() {
		raw, err := r.AsYAML()
		if err == nil {
			err = s.addRaw(raw)
		}
		if err != nil {
			return s, fmt.Errorf("render %s: %s: %w", folder, r.CurId(), err)
		}
	}
	return s, nil
}

// recorder keeps the files of YAML and of settings that kustomize reads.
type recorder struct {
	filesys.FileSystem
	set *Set
}

// ReadFile reads a file and remembers it.
func (r *recorder) ReadFile(path string) ([]byte, error) {
	raw, err := r.FileSystem.ReadFile(path)
	if err != nil {
		return raw, err
	}
	name := Readable(path)
	if slices.ContainsFunc(r.set.Files, func(f *File) bool { return f.Name == name }) {
		return raw, nil
	}
	switch filepath.Ext(path) {
	case ".yaml", ".yml":
		r.set.Files = append(r.set.Files, read(name, raw))
	case ".env":
		r.set.Files = append(r.set.Files, readEnvironment(name, raw))
	}
	return raw, nil
}

// Readable is path as seen from the working directory, if that is shorter.
func Readable(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	relative, err := filepath.Rel(here, path)
	if err != nil || strings.Count(relative, "..") > 4 {
		return path
	}
	return relative
}
