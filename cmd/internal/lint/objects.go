package lint

import (
	"slices"
	"strings"

	"quittance.dev/cmd/internal/manifests"
)

// objects looks at what goes for objects of every kind.
func (c *check) objects() {
	seen := map[string]manifests.Position{}
	for _, o := range c.set.Objects {
		key := strings.Join([]string{o.Group(), o.Kind, o.Namespace, o.Name}, "/")
		if first, twice := seen[key]; twice {
			c.say(o, at("metadata", "name"), "described-twice", "is described already at %s", first)
		}
		seen[key] = o.Line("metadata", "name")
	}
}

// steps takes a path of Knative's admission apart: spec.filters[0].cesql.
func steps(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

// admissionRule names the commonest refusals more closely.
func admissionRule(path []string) string {
	switch last := path[len(path)-1]; {
	case last == "schedule" || last == "timezone":
		return "timer"
	case slices.Contains(path, "filters"):
		return "filter"
	case last == "timeout" || last == "backoffDelay" || last == "retryAfterMax":
		return "duration"
	}
	return "admission"
}
