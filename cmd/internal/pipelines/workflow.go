package pipelines

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// workflow is what is looked at; unknown fields are left alone.
type workflow struct {
	Permissions map[string]string `json:"permissions"`
	Jobs        map[string]struct {
		TimeoutMinutes int               `json:"timeout-minutes"`
		Permissions    map[string]string `json:"permissions"`
		Steps          []struct {
			Uses string         `json:"uses"`
			With map[string]any `json:"with"`
			Run  string         `json:"run"`
		} `json:"steps"`
	} `json:"jobs"`
}

var (
	pinned  = regexp.MustCompile(`^[\w.-]+/[\w./-]+@(v\d+\.\d+\.\d+|[0-9a-f]{40})$`)
	install = regexp.MustCompile(`go install (\S+)`)
	atRest  = regexp.MustCompile(`@v\d+\.\d+\.\d+$`)
	makes   = regexp.MustCompile(`\bmake ((?:[a-z0-9-]+ ?)+)`)
	target  = regexp.MustCompile(`(?m)^([a-z0-9-]+):`)
	// what others may have written: titles, names of branches, texts of comments
	foreign = regexp.MustCompile(`\$\{\{[^}]*github\.(event\.|head_ref)[^}]*\}\}`)
)

// Check reads the workflows below root and names what is wrong with them.
func Check(root string) ([]string, error) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*"))
	if err != nil {
		return nil, err
	}
	var wrong []string
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		found, err := check(raw, makefile)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, line := range found {
			wrong = append(wrong, filepath.Base(file)+": "+line)
		}
	}
	return wrong, nil
}

func check(raw, makefile []byte) (wrong []string, err error) {
	// "on" is a boolean in YAML 1.1; quoted, the file is the same to a forge.
	raw = bytes.Replace(raw, []byte("\non:"), []byte("\n\"on\":"), 1)
	var w workflow
	if err := yaml.Unmarshal(raw, &w); err != nil {
		return nil, err
	}
	if _, err := yaml.YAMLToJSONStrict(raw); err != nil {
		return nil, err
	}
	say := func(format string, arguments ...any) { wrong = append(wrong, fmt.Sprintf(format, arguments...)) }
	if !maps.Equal(w.Permissions, map[string]string{"contents": "read"}) {
		say("does not begin with the right to read and no other")
	}
	var targets []string
	for _, t := range target.FindAllSubmatch(makefile, -1) {
		targets = append(targets, string(t[1]))
	}
	for _, name := range slices.Sorted(maps.Keys(w.Jobs)) {
		job := w.Jobs[name]
		if job.TimeoutMinutes == 0 {
			say("job %s may run for ever", name)
		}
		for _, step := range job.Steps {
			if step.Uses != "" && !pinned.MatchString(step.Uses) {
				say("job %s uses %s, which is no fixed version", name, step.Uses)
			}
			if strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != false {
				say("job %s leaves a token in its checkout", name)
			}
			for _, i := range install.FindAllStringSubmatch(step.Run, -1) {
				if !atRest.MatchString(i[1]) {
					say("job %s installs %s, which is no fixed version", name, i[1])
				}
			}
			for _, m := range makes.FindAllStringSubmatch(step.Run, -1) {
				for _, t := range strings.Fields(m[1]) {
					if !slices.Contains(targets, t) {
						say("job %s makes %s, which the Makefile does not know", name, t)
					}
				}
			}
			if foreign.MatchString(step.Run) {
				say("job %s runs what a stranger may have written: %s", name, foreign.FindString(step.Run))
			}
		}
	}
	return wrong, nil
}
