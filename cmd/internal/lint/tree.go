package lint

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"quittance.dev/cmd/internal/manifests"
)

// Folders lists the deployments below infra: the folder itself if it is a
// kustomization, else its overlays.
func Folders(infra string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(infra, "kustomization.yaml")); err == nil {
		return []string{infra}, nil
	}
	files, err := filepath.Glob(filepath.Join(infra, "overlays", "*", "kustomization.yaml"))
	var folders []string
	for _, file := range files {
		folders = append(folders, filepath.Dir(file))
	}
	return folders, err
}

// Tree checks all deployments below infra, and what only all of them together
// show: files that none of them reads, and images that skaffold.yaml does not
// build or builds for nobody.
func Tree(infra string, code *Code) ([]Finding, error) {
	folders, err := Folders(infra)
	if err != nil {
		return nil, err
	}
	var findings []Finding
	used := map[string]bool{}   // files
	images := map[string]bool{} // to be built here
	for _, folder := range folders {
		set, err := manifests.Render(folder)
		findings = append(findings, Check(set, err, code)...)
		for _, f := range set.Files {
			used[f.Name] = true
		}
		c := &check{set: set, code: code}
		c.podsOf()
		for _, p := range c.pods {
			for _, one := range slices.Concat(p.spec.InitContainers, p.spec.Containers) {
				if strings.HasPrefix(one.Image, "ko://") {
					images[one.Image] = true
				}
			}
		}
	}
	unread, err := unread(infra, used)
	if err != nil {
		return nil, err
	}
	findings = append(findings, unread...)
	for _, main := range code.Mains {
		if strings.HasPrefix(main, mainsPath) && !images["ko://"+main] {
			findings = append(findings, Finding{strings.TrimPrefix(main, module) + "/main.go", 1, "function", "nothing deployed runs this program"})
		}
	}
	for image := range images {
		if !slices.Contains(code.Built, image) {
			findings = append(findings, Finding{"skaffold.yaml", 1, "skaffold", "does not build " + image})
		}
	}
	for _, image := range code.Built {
		if !images[image] {
			findings = append(findings, Finding{"skaffold.yaml", 1, "skaffold", "builds " + image + ", which nothing runs"})
		}
	}
	return Sorted(findings), nil
}

// unread lists the manifests that no deployment reads.
func unread(infra string, used map[string]bool) ([]Finding, error) {
	var findings []Finding
	err := filepath.WalkDir(infra, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		if name := manifests.Readable(path); !used[name] {
			findings = append(findings, Finding{name, 1, "unread", "no kustomization reads this file"})
		}
		return nil
	})
	return findings, err
}
