package flowmap

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"quittance.dev/cmd/internal/knative"
	"quittance.dev/events"
)

// Map is what the tree says about who hears what.
type Map struct {
	Catalogue []events.Entry
	Manifests *knative.Manifests
	Speaks    map[string][]string // main -> the outside systems whose client it is built with
}

const (
	namespace   = "quittance"
	deadLetters = "dead-letter" // the function that takes what a Trigger gives up
)

// Read reads the tree below root, the project's folder.
func Read(root string) (*Map, error) {
	m := &Map{Catalogue: events.Catalogue()}
	var err error
	if m.Manifests, err = knative.LoadInfra(namespace, os.DirFS(filepath.Join(root, "infra"))); err != nil {
		return nil, err
	}
	m.Speaks, err = speakers(filepath.Join(root, "functions", "cmd"))
	return m, err
}

// lookup is the catalogue's entry of a type, or none.
func (m *Map) lookup(t string) events.Entry {
	i := slices.IndexFunc(m.Catalogue, func(e events.Entry) bool { return string(e.Type) == t })
	if i < 0 {
		return events.Entry{}
	}
	return m.Catalogue[i]
}

// outside names the systems by the package that speaks to them.
var outside = map[string]string{"mambu": "Mambu", "externale": "E", "stripe": "card processor", "mail": "mail gateway", "sms": "text gateway"}

// speakers lists which outside systems each command below folder is built to
// speak with, by the imports of its main.go.
func speakers(folder string) (map[string][]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*", "main.go"))
	if err != nil {
		return nil, err
	}
	speaks := map[string][]string{}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return nil, fmt.Errorf("imports of %s: %w", name, err)
		}
		for _, i := range parsed.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return nil, err
			}
			if system := outside[strings.TrimPrefix(path, "quittance.dev/functions/")]; system != "" {
				speaks[name] = append(speaks[name], system)
			}
		}
	}
	return speaks, nil
}
