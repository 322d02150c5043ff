package manifests

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	kjson "sigs.k8s.io/json"
)

// Set is everything that one deployment consists of.
type Set struct {
	// Name is what was rendered or parsed: a folder or a file.
	Name string
	// Objects is what the cluster gets, in the order of the rendered documents.
	Objects []*Object
	// Files is every YAML file that took part, in the order of reading.
	Files []*File
}

// Object is one object as the cluster gets it.
type Object struct {
	APIVersion, Kind, Namespace, Name string
	// Value is the whole object, as encoding/json would read it, with integers
	// as int64.
	Value map[string]any

	set *Set
}

// Position is a place in a file. Lines count from 1.
type Position struct {
	File string
	Line int
}

func (p Position) String() string { return p.File + ":" + strconv.Itoa(p.Line) }

// Title names the object as people do: kind and name.
func (o *Object) Title() string { return o.Kind + " " + o.Name }

// Into decodes the object into one of the cluster's types.
func (o *Object) Into(into any) error {
	raw, err := json.Marshal(o.Value)
	if err != nil {
		return err
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, into); err != nil {
		return fmt.Errorf("%s: %w", o.Title(), err)
	}
	return nil
}

// Find looks for an object by kind and name, and the group of its apiVersion,
// which tells Serving's Service from Kubernetes' own.
func (s *Set) Find(group, kind, name string) *Object {
	for _, o := range s.Objects {
		if o.Kind == kind && o.Name == name && o.Group() == group {
			return o
		}
	}
	return nil
}

// Of lists the objects of a kind.
func (s *Set) Of(group, kind string) []*Object {
	var of []*Object
	for _, o := range s.Objects {
		if o.Kind == kind && o.Group() == group {
			of = append(of, o)
		}
	}
	return of
}

// Group is the API group, empty for Kubernetes' core.
func (o *Object) Group() string {
	group, _, found := strings.Cut(o.APIVersion, "/")
	if !found {
		return ""
	}
	return group
}

// Origin is where the object is described, whatever is patched later.
func (o *Object) Origin() Position {
	for _, d := range o.descriptions() {
		return Position{d.file.Name, d.node.Line + d.shift}
	}
	return Position{o.set.Name, 1}
}

// Get returns the value at path, which names fields and, in lists, either
// indices or the name of an element; nil where there is none.
func (o *Object) Get(path ...string) any {
	var value any = o.Value
	for _, step := range path {
		switch at := value.(type) {
		case map[string]any:
			value = at[step]
		case []any:
			value, _ = element(at, step)
		default:
			return nil
		}
	}
	return value
}

// element finds an element by its name, else by its index.
func element(list []any, step string) (value any, key string) {
	for i, e := range list {
		name := nameOf(e)
		if name != "" && name == step || strconv.Itoa(i) == step {
			if name != "" {
				return e, name
			}
			return e, step
		}
	}
	return nil, step
}

// nameOf is how kustomize and people find an element of a list again.
func nameOf(e any) string {
	fields, _ := e.(map[string]any)
	name, _ := fields["name"].(string)
	return name
}
