package manifests

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Line is where the value at path was written: in the outermost patch that says
// what the cluster gets, else where the object is described. A path that is not
// there leads to the nearest field above it.
func (o *Object) Line(path ...string) Position {
	if p, found := o.generated(path); found {
		return p
	}
	keys, value := o.keys(path)
	best := Position{o.set.Name, 1}
	rank := -1
	descriptions := o.descriptions()
	if len(descriptions) > 0 && isIdentity(path) {
		descriptions = descriptions[:1] // a patch repeats it
	}
	for _, d := range descriptions {
		depth, node, at := d.follow(keys)
		score := depth * 2
		if depth == len(keys) && says(node, value) {
			score++
		}
		// Among equals that say it, the outermost.
		if score > rank || score == rank && score%2 == 1 {
			best, rank = Position{d.file.Name, at + d.shift}, score
		}
	}
	return best
}

// isIdentity tells whether a path is to what makes an object this one.
func isIdentity(path []string) bool {
	switch strings.Join(path, ".") {
	case "apiVersion", "kind", "metadata.name", "metadata.namespace":
		return true
	}
	return false
}

// descriptions lists all that is said about o, from the inside out: documents in
// the order of reading, for a patch is read after what it patches; then what
// stands in the kustomizations themselves, of which the outermost is read first.
func (o *Object) descriptions() []description {
	var documents, inline []description
	for _, f := range o.set.Files {
		for _, document := range f.Documents {
			switch {
			case document.Kind != yaml.MappingNode:
			case isKustomization(document, f.Name):
				for _, p := range InlinePatches(document) {
					for _, patch := range p.File.Documents {
						inline = append(inline, ofPatch(f, patch, p.target, o, p.Shift)...)
					}
				}
				inline = append(inline, o.targeted(f, document)...)
			case text(document, "kind") == o.Kind && text(document, "metadata", "name") == o.Name && group(text(document, "apiVersion")) == o.Group():
				documents = append(documents, description{file: f, node: document})
			}
		}
	}
	slices.Reverse(inline)
	return append(documents, inline...)
}

// generated finds an entry of a ConfigMap that kustomize made of settings: the
// last file that gives it this value.
func (o *Object) generated(path []string) (at Position, found bool) {
	if o.Kind != "ConfigMap" || len(path) < 2 || path[0] != "data" {
		return at, false
	}
	value := o.Get(path...)
	for _, f := range o.set.Files {
		settings := f.settings
		for _, document := range f.Documents {
			if document.Kind == yaml.MappingNode && isKustomization(document, f.Name) {
				settings = append(settings, literals(document)...)
			}
		}
		for _, s := range settings {
			if s.name == path[1] && s.value == value {
				at, found = Position{f.Name, s.line}, true
			}
		}
	}
	return at, found
}

// keys is path with the names of elements in place of their indices, and the
// value it leads to.
func (o *Object) keys(path []string) (keys []string, value any) {
	value = o.Value
	for _, step := range path {
		switch at := value.(type) {
		case map[string]any:
			value = at[step]
		case []any:
			value, step = element(at, step)
		default:
			value = nil
		}
		keys = append(keys, step)
	}
	return keys, value
}

// says tells whether a node holds the value that the cluster gets.
func says(node *yaml.Node, value any) bool {
	if value == nil {
		return node.Tag == "!!null"
	}
	if node.Kind != yaml.ScalarNode {
		return true // what is in it is asked for by its own path
	}
	return node.Value == fmt.Sprint(value)
}

// description is one place that says something about an object: a document of
// its own, a patch of the same form, or one operation of a JSON patch.
type description struct {
	file  *File
	node  *yaml.Node
	below []string // where in the object the node belongs
	shift int      // lines between the node's and the file's, for a patch inside a string
}

// follow walks as far as it can and tells how far that was.
func (d description) follow(keys []string) (depth int, node *yaml.Node, line int) {
	node, line = d.node, d.node.Line
	for i, step := range d.below {
		if i >= len(keys) || keys[i] != step {
			return 0, node, line
		}
	}
	for depth = len(d.below); depth < len(keys); depth++ {
		next, key := child(node, keys[depth])
		if next == nil {
			return depth, node, line
		}
		node, line = next, key.Line
		if next.Kind == yaml.ScalarNode && next.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
			line = next.Line
		}
	}
	return depth, node, line
}

// targeted lists the patches for o in files that a kustomization names together
// with a target; what the file itself says it is about does not count then.
func (o *Object) targeted(kustomization *File, document *yaml.Node) []description {
	patches, _ := child(document, "patches")
	if patches == nil {
		return nil
	}
	var found []description
	for _, entry := range patches.Content {
		target, _ := child(entry, "target")
		name := filepath.Join(filepath.Dir(kustomization.Name), text(entry, "path"))
		i := slices.IndexFunc(o.set.Files, func(f *File) bool { return f.Name == name })
		if target == nil || i < 0 {
			continue
		}
		for _, patch := range o.set.Files[i].Documents {
			found = append(found, ofPatch(o.set.Files[i], patch, target, o, 0)...)
		}
	}
	return found
}

func isKustomization(document *yaml.Node, file string) bool {
	kind := text(document, "kind")
	return kind == "Kustomization" || kind == "Component" || kind == "" && strings.HasSuffix(file, "kustomization.yaml")
}

// InlinePatch is a patch that stands in a kustomization as a string.
type InlinePatch struct {
	File  *File // as if it were a file of its own
	Shift int   // what to add to its lines to get those of the kustomization

	target *yaml.Node
}

// InlinePatches lists the patches that stand in a kustomization itself.
func InlinePatches(kustomization *yaml.Node) []InlinePatch {
	patches, _ := child(kustomization, "patches")
	if patches == nil {
		return nil
	}
	var found []InlinePatch
	for _, entry := range patches.Content {
		inline, _ := child(entry, "patch")
		if inline == nil {
			continue
		}
		p := InlinePatch{File: read("", []byte(inline.Value)), Shift: inline.Line - 1}
		if inline.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			p.Shift = inline.Line
		}
		p.target, _ = child(entry, "target")
		found = append(found, p)
	}
	return found
}

func ofPatch(f *File, patch, target *yaml.Node, o *Object, shift int) []description {
	if target == nil {
		if text(patch, "kind") != o.Kind || text(patch, "metadata", "name") != o.Name {
			return nil
		}
	} else if !matches(text(target, "kind"), o.Kind) || !matches(text(target, "name"), o.Name) || !matches(text(target, "group"), o.Group()) {
		return nil
	}
	if patch.Kind != yaml.SequenceNode {
		return []description{{file: f, node: patch, shift: shift}}
	}
	var found []description
	for _, operation := range patch.Content {
		value, _ := child(operation, "value")
		if value == nil {
			value = operation
		}
		steps := strings.Split(strings.TrimPrefix(text(operation, "path"), "/"), "/")
		for i := range steps {
			steps[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(steps[i])
		}
		if last := len(steps) - 1; steps[last] == "-" { // added at the end of a list
			list, _ := o.Get(steps[:last]...).([]any)
			steps[last] = cmp.Or(text(value, "name"), strconv.Itoa(len(list)-1))
		}
		below, _ := o.keys(steps)
		found = append(found, description{file: f, node: value, below: below, shift: shift})
	}
	return found
}

// matches is how a patch's target selects: an anchored regular expression.
func matches(pattern, name string) bool {
	if pattern == "" {
		return true
	}
	expression, err := regexp.Compile("^(?:" + pattern + ")$")
	return err == nil && expression.MatchString(name)
}

func text(node *yaml.Node, path ...string) string {
	for _, step := range path {
		if node, _ = child(node, step); node == nil {
			return ""
		}
	}
	return node.Value
}

func group(apiVersion string) string {
	return (&Object{APIVersion: apiVersion}).Group()
}
