// Package eventdocs generates what the outside world reads about the events,
// from the Go types and the catalogue: one JSON Schema per event type, one
// AsyncAPI document, and a table for people.
package eventdocs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
	"sigs.k8s.io/yaml"

	"quittance.dev/events"
	"quittance.dev/events/money"
)

// generated heads every generated file that can hold a comment.
const generated = "Generated from the Go types by `quittance events generate`; do not edit."

// Files are the generated files by their path below the events module.
func Files() (map[string][]byte, error) {
	files := map[string][]byte{}
	schemas := map[events.Type]*jsonschema.Schema{}
	for _, e := range events.Catalogue() {
		s := schemaOf(e)
		schemas[e.Type] = s
		body, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("schema of %s: %w", e.Type, err)
		}
		files["schemas/"+string(e.Type)+".json"] = append(body, '\n')
	}
	doc, err := yaml.Marshal(asyncAPI(schemas))
	if err != nil {
		return nil, fmt.Errorf("asyncapi: %w", err)
	}
	files["asyncapi.yaml"] = append([]byte("# "+generated+"\n"), doc...)
	files["CATALOGUE.md"] = catalogue()
	return files, nil
}

// Write brings the files below root up to date and removes schemas of types
// that are gone.
func Write(root string) error {
	files, err := Files()
	if err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		target := filepath.Join(root, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(target, files[path], 0o644); err != nil {
			return err
		}
	}
	old, err := filepath.Glob(filepath.Join(root, "schemas", "*.json"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if _, ok := files["schemas/"+filepath.Base(path)]; !ok {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// Stale lists the files below root that are not what would be generated now.
func Stale(root string) ([]string, error) {
	files, err := Files()
	if err != nil {
		return nil, err
	}
	var stale []string
	for path, want := range files {
		got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
		if err != nil || !bytes.Equal(got, want) {
			stale = append(stale, path)
		}
	}
	slices.Sort(stale)
	return stale, nil
}

// uuidPattern is the one spelling of an id that events accept.
const uuidPattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"

func schemaOf(e events.Entry) *jsonschema.Schema {
	r := &jsonschema.Reflector{
		ExpandedStruct: true, DoNotReference: true, Anonymous: true,
		AllowAdditionalProperties: true, // an older reader understands a newer event
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			switch t {
			case reflect.TypeFor[money.Currency]():
				return &jsonschema.Schema{Type: "string", Pattern: "^[A-Z]{3}$", Description: "ISO 4217"}
			case reflect.TypeFor[events.Product]():
				return &jsonschema.Schema{Type: "string", Enum: []any{string(events.SimpleSavings), string(events.Current)}}
			case reflect.TypeFor[events.Direction]():
				return &jsonschema.Schema{Type: "string", Enum: []any{string(events.Debit), string(events.Credit)}}
			}
			return nil
		},
	}
	s := r.Reflect(e.Sample)
	s.ID = jsonschema.ID("https://quittance.dev/schemas/" + string(e.Type) + ".json")
	s.Title = string(e.Type)
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		switch {
		case strings.HasSuffix(p.Key, "_minor"):
			p.Value.Description = "minor units of the currency"
			if p.Key == "amount_minor" {
				p.Value.Minimum = "1"
			}
		case strings.HasSuffix(p.Key, "account_seq"):
			p.Value.Minimum = "1"
		case strings.HasSuffix(p.Key, "_id") && p.Key != "notification_id" && p.Key != "event_id",
			p.Key == "notification_id" && e.Type != events.TypeProcessorNotified:
			p.Value.Pattern = uuidPattern
		case p.Value.Type == "string" && p.Value.Pattern == "" && p.Value.Enum == nil && p.Key != "event_type":
			one := uint64(1)
			p.Value.MinLength = &one
		}
	}
	return s
}

func catalogue() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Events\n\n<!-- %s -->\n\n| type | broker | said by | heard by | older names |\n|---|---|---|---|---|\n", generated)
	for _, e := range events.Catalogue() {
		heard := strings.Join(e.Hears, ", ")
		if heard == "" {
			heard = "nobody"
		}
		public := ""
		if e.Public {
			public = " (public)"
		}
		fmt.Fprintf(&b, "| `%s`%s | %s | %s | %s | %s |\n", e.Type, public, e.Broker, strings.Join(e.Says, ", "), heard, strings.Join(e.Aliases, ", "))
	}
	return b.Bytes()
}
