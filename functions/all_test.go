package functions_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions"
	"quittance.dev/functions/fn"
)

func all() []fn.Function { return functions.All(functions.Outside{}, functions.Settings{}) }

// rooms are the folders of the functions, in the order of All, as its source
// names them.
func rooms(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "all.go", nil, 0)
	require.NoError(t, err)
	imported := map[string]string{}
	for _, i := range file.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		require.NoError(t, err)
		imported[filepath.Base(path)] = strings.TrimPrefix(path, "quittance.dev/functions/")
	}
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		list, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		if _, ok := list.Type.(*ast.ArrayType); !ok {
			return true
		}
		for _, element := range list.Elts {
			maker := element.(*ast.CallExpr).Fun.(*ast.SelectorExpr)
			found = append(found, imported[maker.X.(*ast.Ident).Name])
		}
		return false
	})
	require.Len(t, found, len(all()))
	return found
}

// TestEveryFunctionIsConformant: its room runs the suite that every function
// passes, on itself.
func TestEveryFunctionIsConformant(t *testing.T) {
	t.Parallel()
	for i, room := range rooms(t) {
		tests, err := filepath.Glob(filepath.Join(room, "*_test.go"))
		require.NoError(t, err)
		runs := slices.ContainsFunc(tests, func(name string) bool { return calls(t, name, "fntest", "Conformance") })
		require.True(t, runs, "no test in %s runs fntest.Conformance on %s", room, all()[i].Name)
	}
}

// calls tells whether a test of the file calls that function of that package.
func calls(t *testing.T, file, pkg, function string) (found bool) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	for _, declaration := range parsed.Decls {
		test, ok := declaration.(*ast.FuncDecl)
		if !ok || !strings.HasPrefix(test.Name.Name, "Test") {
			continue
		}
		ast.Inspect(test, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if of, ok := call.Fun.(*ast.SelectorExpr); ok {
					x, ok := of.X.(*ast.Ident)
					found = found || ok && x.Name == pkg && of.Sel.Name == function
				}
			}
			return true
		})
	}
	return found
}

// TestEveryRoomHasACard that says what a stranger must know first.
func TestEveryRoomHasACard(t *testing.T) {
	t.Parallel()
	for _, room := range rooms(t) {
		card, err := os.ReadFile(filepath.Join(room, "doc.go"))
		require.NoError(t, err)
		for _, word := range []string{"Hears", "Says", "Changes", "Calls", "Fails"} {
			require.Regexp(t, `(?m)^//\s+(# )?`+word+` `, string(card), "the card of %s does not say what it %s", room, strings.ToLower(word))
		}
	}
}

// TestB23_FunctionsHearWhatTheCatalogueSays, no less and no more. The api takes
// events from outside at a door of its own, and no broker delivers to it.
func TestB23_FunctionsHearWhatTheCatalogueSays(t *testing.T) {
	t.Parallel()
	owed := events.Subscriptions()
	for _, f := range all() {
		var hears []string
		for _, eventType := range f.Hears() {
			require.NotContains(t, hears, string(eventType), "%s has two handlers of one type", f.Name)
			if eventType != "" && eventType != events.TypeTick { // a sink's; a PingSource's
				hears = append(hears, string(eventType))
			}
		}
		if f.Name == "api" {
			require.Empty(t, owed[f.Name])
			require.Subset(t, hears, public())
			continue
		}
		require.ElementsMatch(t, owed[f.Name], hears, f.Name)
		delete(owed, f.Name)
	}
	require.Empty(t, owed, "the catalogue names consumers that are no function")
}

// public are the types that may come in from outside.
func public() (types []string) {
	for _, entry := range events.Catalogue() {
		if entry.Public {
			types = append(types, string(entry.Type))
		}
	}
	return types
}

// TestWhoSays: each event of the catalogue has somebody who says it, and each
// is a function.
func TestWhoSays(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, f := range all() {
		require.False(t, names[f.Name], "two functions are called %s", f.Name)
		names[f.Name] = true
	}
	for _, entry := range events.Catalogue() {
		require.NotEmpty(t, entry.Says, "nobody says %s", entry.Type)
		for _, name := range entry.Says {
			require.True(t, names[name], "%s is said by %s, which is no function", entry.Type, name)
		}
	}
}

// TestF01_EachFunctionIsAService: a main and a manifest of its own, and no main
// without one.
func TestF01_EachFunctionIsAService(t *testing.T) {
	t.Parallel()
	services := map[string]bool{"relay": true, "migrate": true}
	for _, f := range all() {
		services[f.Name] = true
		require.FileExists(t, filepath.Join("..", "infra", "functions", f.Name+".yaml"))
	}
	folders, err := os.ReadDir("cmd")
	require.NoError(t, err)
	var mains []string
	for _, folder := range folders {
		mains = append(mains, folder.Name())
		require.FileExists(t, filepath.Join("cmd", folder.Name(), "main.go"))
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(services)), mains)
}
