package lint

import (
	"cmp"
	"fmt"
	"slices"

	"quittance.dev/cmd/internal/manifests"
)

// Finding is one mistake and where it stands. Lines count from 1.
type Finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
}

func (f Finding) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, f.Rule, f.Message)
}

// sayAt records a finding.
func (c *check) sayAt(at manifests.Position, rule, format string, arguments ...any) {
	c.findings = append(c.findings, Finding{at.File, at.Line, rule, fmt.Sprintf(format, arguments...)})
}

// say records a finding about the value at path in o.
func (c *check) say(o *manifests.Object, path []string, rule, format string, arguments ...any) {
	c.sayAt(o.Line(path...), rule, o.Title()+": "+format, arguments...)
}

// at spells a path.
func at(path ...string) []string { return path }

// Sorted orders findings by place and drops what several deployments share.
func Sorted(findings []Finding) []Finding {
	sorted := slices.SortedFunc(slices.Values(findings), func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(sorted)
}
