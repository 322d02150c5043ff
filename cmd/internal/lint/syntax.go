package lint

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"knative.dev/pkg/apis"

	"quittance.dev/cmd/internal/manifests"
)

// reader holds the files of a deployment against what YAML and the types of the
// platform allow, before anything is rendered: rendering forgives some of it.
type reader struct {
	file *manifests.File
	say  func(at manifests.Position, rule, format string, arguments ...any)
}

func (c *check) syntax() {
	for _, f := range c.set.Files {
		r := reader{f, c.sayAt}
		if f.Broken != nil {
			c.sayAt(manifests.Position{File: f.Name, Line: brokenLine(f.Broken)}, "yaml", "%v", f.Broken)
		}
		for _, document := range f.Documents {
			r.document(document)
		}
	}
}

// brokenLine is the line that the parser's message names, if it does.
func brokenLine(err error) int {
	_, rest, _ := strings.Cut(err.Error(), "line ")
	digits, _, _ := strings.Cut(rest, ":")
	if line, err := strconv.Atoi(digits); err == nil {
		return line
	}
	return 1
}

func (r reader) document(document *yaml.Node) {
	r.twice(document)
	if document.Kind != yaml.MappingNode { // a JSON patch, or somebody else's file
		r.words(document)
		return
	}
	apiVersion, kind := field(document, "apiVersion"), field(document, "kind")
	if kind == "" && strings.HasSuffix(r.file.Name, "kustomization.yaml") {
		kind = "Kustomization"
	}
	switch of, known := manifests.Type(apiVersion, kind); {
	case known:
		r.value(document, of, "")
	case kind == "" && apiVersion == "":
		r.words(document)
	default: // of an operator whose types are not here
		r.words(document)
		for i := 0; i+1 < len(document.Content); i += 2 {
			if document.Content[i].Value == "metadata" {
				r.value(document.Content[i+1], reflect.TypeFor[metav1.ObjectMeta](), "metadata")
			}
		}
	}
	r.patches(document, kind)
}

// patches reads the patches that stand in a kustomization as strings.
func (r reader) patches(document *yaml.Node, kind string) {
	if kind != "Kustomization" && kind != "Component" {
		return
	}
	for _, patch := range manifests.InlinePatches(document) {
		shifted := reader{patch.File, func(at manifests.Position, rule, format string, arguments ...any) {
			r.say(manifests.Position{File: r.file.Name, Line: at.Line + patch.Shift}, rule, format, arguments...)
		}}
		if patch.File.Broken != nil {
			r.say(manifests.Position{File: r.file.Name, Line: 1 + patch.Shift}, "yaml", "%v", patch.File.Broken)
		}
		for _, document := range patch.File.Documents {
			shifted.document(document)
		}
	}
}

func field(node *yaml.Node, name string) string {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == name {
			return node.Content[i+1].Value
		}
	}
	return ""
}

// twice finds keys given twice: YAML's readers differ on which one counts.
func (r reader) twice(node *yaml.Node) {
	if node.Kind == yaml.MappingNode {
		seen := map[string]int{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			if first, again := seen[key.Value]; again {
				r.say(r.file.Line(key), "duplicate-key", "%s is given already in line %d", key.Value, first)
			}
			seen[key.Value] = key.Line
		}
	}
	for _, content := range node.Content {
		r.twice(content)
	}
}

// words finds the words that are booleans to some readers and strings to others,
// where no type says which is meant.
func (r reader) words(node *yaml.Node) {
	if word := strings.ToLower(node.Value); notString(node) == "a boolean" && word != "true" && word != "false" {
		r.say(r.file.Line(node), "unquoted", "%s is a boolean in YAML 1.1: quote it, or write true or false", node.Value)
	}
	for _, content := range node.Content {
		r.words(content)
	}
}

var (
	unmarshaler = reflect.TypeFor[json.Unmarshaler]()
	scalars     = map[reflect.Type]bool{ // read from numbers and strings alike
		reflect.TypeFor[resource.Quantity]():  true,
		reflect.TypeFor[intstr.IntOrString](): true,
	}
	strung = map[reflect.Type]bool{ // read from a string
		reflect.TypeFor[metav1.Time]():       true,
		reflect.TypeFor[apis.URL]():          true,
		reflect.TypeFor[metav1.Duration]():   true,
		reflect.TypeFor[apis.VolatileTime](): true,
	}
)

// value holds a node against the type that the platform reads it into. path is
// for messages.
func (r reader) value(node *yaml.Node, of reflect.Type, path string) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if isNull(node) { // not given; in a patch, taken away
		return
	}
	switch {
	case strung[of]:
		r.text(node, path)
		return
	case scalars[of]:
		r.is(node, yaml.ScalarNode, "a number or a string", path)
		return
	case reflect.PointerTo(of).Implements(unmarshaler):
		r.words(node)
		return
	}
	switch of.Kind() {
	case reflect.Struct:
		r.fields(node, of, path)
	case reflect.Map:
		r.entries(node, of, path)
	case reflect.Slice, reflect.Array:
		if of.Elem().Kind() == reflect.Uint8 { // base64
			r.text(node, path)
		} else if r.is(node, yaml.SequenceNode, "a list", path) {
			for i, element := range node.Content {
				r.value(element, of.Elem(), path+"["+strconv.Itoa(i)+"]")
			}
		}
	case reflect.String:
		r.text(node, path)
	case reflect.Bool:
		if r.is(node, yaml.ScalarNode, "true or false", path) && (notString(node) != "a boolean" || strings.ToLower(node.Value) != "true" && strings.ToLower(node.Value) != "false") {
			r.say(r.file.Line(node), "type", "%s is true or false, not %s", path, shown(node))
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		if r.is(node, yaml.ScalarNode, "a number", path) && notString(node) != "a number" {
			r.say(r.file.Line(node), "type", "%s is a number, not %s", path, shown(node))
		}
	default: // anything goes
		r.words(node)
	}
}

func shown(node *yaml.Node) string {
	if node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		return strconv.Quote(node.Value)
	}
	return node.Value
}

func (r reader) is(node *yaml.Node, kind yaml.Kind, what, path string) bool {
	if node.Kind == kind {
		return true
	}
	r.say(r.file.Line(node), "type", "%s is %s", path, what)
	return false
}

func (r reader) text(node *yaml.Node, path string) {
	if !r.is(node, yaml.ScalarNode, "a string", path) {
		return
	}
	if what := notString(node); what != "" {
		r.say(r.file.Line(node), "unquoted", "%s is a string, but %s is %s in YAML: quote it", path, node.Value, what)
	}
}

// entries holds a map's entries against their type.
func (r reader) entries(node *yaml.Node, of reflect.Type, path string) {
	if !r.is(node, yaml.MappingNode, "a mapping", path) {
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		r.text(key, path+"."+key.Value)
		r.value(node.Content[i+1], of.Elem(), path+"."+key.Value)
	}
}

// fields holds a mapping against a struct: every key is a field, in its exact
// case.
func (r reader) fields(node *yaml.Node, of reflect.Type, path string) {
	if !r.is(node, yaml.MappingNode, "a mapping", path) {
		return
	}
	known := map[string]reflect.Type{}
	collect(of, known)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		below := strings.TrimPrefix(path+"."+key.Value, ".")
		t, there := known[key.Value]
		switch {
		case there:
			r.value(value, t, below)
		case strings.HasPrefix(key.Value, "$"): // a directive of a strategic merge patch
		default:
			r.say(r.file.Line(key), "unknown-field", "%s is no field of %s", below, of.Name())
		}
	}
}

// collect lists the fields of a struct by their JSON names.
func collect(of reflect.Type, known map[string]reflect.Type) {
	for i := range of.NumField() {
		f := of.Field(i)
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		t := f.Type
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch {
		case name == "-" || !f.IsExported():
		case name == "" && t.Kind() == reflect.Struct && (f.Anonymous || strings.Contains(rest, "inline")):
			collect(t, known)
		case name == "":
			known[f.Name] = f.Type
		default:
			known[name] = f.Type
		}
	}
}
