package lint

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"quittance.dev/events"
	"quittance.dev/functions"
	"quittance.dev/functions/fn"
)

// Code is what the code says about itself, against which manifests are held.
type Code struct {
	Catalogue []events.Entry
	Brokers   []events.Broker
	Functions []fn.Function
	Mains     []string // programs of the project, by import path
	Roles     []string // database roles that the migrations make and grant something, without their prefix
	Built     []string // images that skaffold.yaml builds

	pods policy.Evaluator // the platform's rules for pods
}

const (
	module    = "quittance.dev/"
	koPrefix  = "ko://" + module
	mainsPath = module + "functions/cmd/"
	roleName  = "quittance_"
)

// ReadCode reads the registry that is compiled in, and the tree below root, the
// project's folder.
func ReadCode(root string) (*Code, error) {
	c := &Code{
		Catalogue: events.Catalogue(), Brokers: events.Brokers(),
		Functions: functions.All(functions.Outside{}, functions.Settings{}),
	}
	var err error
	if c.pods, err = policy.NewEvaluator(policy.DefaultChecks(), nil); err != nil {
		return nil, err
	}
	if c.Mains, err = mains(root, "functions/cmd/*", "cmd/*"); err != nil {
		return nil, err
	}
	if c.Roles, err = roles(filepath.Join(root, "functions", "schema", "migrations")); err != nil {
		return nil, err
	}
	if c.Built, err = built(filepath.Join(root, "skaffold.yaml")); err != nil {
		return nil, err
	}
	return c, nil
}

// function finds a function in the registry.
func (c *Code) function(name string) (fn.Function, bool) {
	i := slices.IndexFunc(c.Functions, func(f fn.Function) bool { return f.Name == name })
	if i < 0 {
		return fn.Function{}, false
	}
	return c.Functions[i], true
}

// entry finds a type in the catalogue.
func (c *Code) entry(eventType string) (events.Entry, bool) {
	i := slices.IndexFunc(c.Catalogue, func(e events.Entry) bool { return string(e.Type) == eventType })
	if i < 0 {
		return events.Entry{}, false
	}
	return c.Catalogue[i], true
}

// mains lists the programs in the folders that the patterns match.
func mains(root string, patterns ...string) ([]string, error) {
	var paths []string
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(root, pattern, "main.go"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			folder, err := filepath.Rel(root, filepath.Dir(file))
			if err != nil {
				return nil, err
			}
			paths = append(paths, module+filepath.ToSlash(folder))
		}
	}
	return paths, nil
}

var (
	roleList  = regexp.MustCompile(`foreach name in array array\[([^\]]*)\]`)
	roleGrant = regexp.MustCompile(`\bto quittance_([a-z_]+);`)
)

func roles(folder string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.sql"))
	if err != nil {
		return nil, err
	}
	made, granted := map[string]bool{}, map[string]bool{}
	for _, file := range files {
		sql, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, list := range roleList.FindAllSubmatch(sql, -1) {
			for name := range strings.SplitSeq(string(list[1]), ",") {
				made[strings.Trim(strings.TrimSpace(name), "'")] = true
			}
		}
		for _, grant := range roleGrant.FindAllSubmatch(sql, -1) {
			granted[string(grant[1])] = true
		}
	}
	var both []string
	for name := range made {
		if granted[name] {
			both = append(both, name)
		}
	}
	slices.Sort(both)
	return both, nil
}

// roleOf is the database role of a function, without the prefix.
func roleOf(function string) string { return strings.ReplaceAll(function, "-", "_") }

// built lists the images that a skaffold.yaml builds.
func built(file string) ([]string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var images []string
	for _, document := range bytes.Split(raw, []byte("\n---\n")) {
		var skaffold struct {
			Build struct {
				Artifacts []struct {
					Image string `json:"image"`
				} `json:"artifacts"`
			} `json:"build"`
		}
		if err := yaml.Unmarshal(document, &skaffold); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, a := range skaffold.Build.Artifacts {
			images = append(images, a.Image)
		}
	}
	return images, nil
}
