package manifests

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	syaml "sigs.k8s.io/yaml"

	"sigs.k8s.io/json"
)

// File is one file that was read.
type File struct {
	Name      string
	Documents []*yaml.Node // of YAML, without those that are only comments
	Broken    error        // why it cannot be read as YAML, if it cannot

	settings []setting // of a file of NAME=value lines
}

// setting is one entry of a generated ConfigMap, and its line.
type setting struct {
	name, value string
	line        int
}

func readEnvironment(name string, raw []byte) *File {
	f := &File{Name: name}
	number := 0
	for line := range strings.Lines(string(raw)) {
		number++
		if name, value, found := strings.Cut(strings.TrimSpace(line), "="); found && !strings.HasPrefix(name, "#") {
			f.settings = append(f.settings, setting{name, value, number})
		}
	}
	return f
}

// literals lists the settings that a kustomization gives to a generator.
func literals(kustomization *yaml.Node) []setting {
	generators, _ := child(kustomization, "configMapGenerator")
	if generators == nil {
		return nil
	}
	var found []setting
	for _, generator := range generators.Content {
		list, _ := child(generator, "literals")
		if list == nil {
			continue
		}
		for _, literal := range list.Content {
			name, value, _ := strings.Cut(literal.Value, "=")
			found = append(found, setting{name, strings.Trim(value, `'"`), literal.Line})
		}
	}
	return found
}

// Line is where in the file a node stands.
func (f *File) Line(node *yaml.Node) Position { return Position{f.Name, max(node.Line, 1)} }

// read parses all documents of a file.
func read(name string, raw []byte) *File {
	f := &File{Name: name}
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return f
		}
		if err != nil {
			f.Broken = err
			return f
		}
		if len(document.Content) == 1 && document.Content[0].Tag != "!!null" {
			f.Documents = append(f.Documents, document.Content[0])
		}
	}
}

// Parse reads one file of rendered manifests.
func Parse(name string, raw []byte) (*Set, error) {
	s := &Set{Name: name, Files: []*File{read(name, raw)}}
	return s, s.add(s.Files[0])
}

// add takes the documents of a file as objects of the cluster.
func (s *Set) add(f *File) error {
	if f.Broken != nil {
		return fmt.Errorf("%s: %w", f.Name, f.Broken)
	}
	for _, node := range f.Documents {
		raw, err := yaml.Marshal(node)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Line(node), err)
		}
		if err := s.addRaw(raw); err != nil {
			return fmt.Errorf("%s: %w", f.Line(node), err)
		}
	}
	return nil
}

func (s *Set) addRaw(raw []byte) error {
	asJSON, err := syaml.YAMLToJSON(raw)
	if err != nil {
		return err
	}
	o := &Object{set: s}
	if err := json.UnmarshalCaseSensitivePreserveInts(asJSON, &o.Value); err != nil {
		return err
	}
	o.Kind, _ = o.Get("kind").(string)
	if o.Kind == "" {
		return errors.New("a document without kind")
	}
	if o.Kind == "List" {
		return errors.New("a List: give its items as documents")
	}
	o.APIVersion, _ = o.Get("apiVersion").(string)
	o.Name, _ = o.Get("metadata", "name").(string)
	o.Namespace, _ = o.Get("metadata", "namespace").(string)
	s.Objects = append(s.Objects, o)
	return nil
}

// child is the node below a mapping's key or a list's element; the key's node
// beside it, on whose line a nested value begins for a reader.
func child(node *yaml.Node, step string) (value, key *yaml.Node) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == step {
				return node.Content[i+1], node.Content[i]
			}
		}
	case yaml.SequenceNode:
		for i, e := range node.Content {
			name := ""
			if e.Kind == yaml.MappingNode {
				if n, _ := child(e, "name"); n != nil {
					name = n.Value
				}
			}
			if name != "" && name == step || name == "" && strconv.Itoa(i) == step {
				return e, e
			}
		}
	default: // a value has nothing below it
	}
	return nil, nil
}
