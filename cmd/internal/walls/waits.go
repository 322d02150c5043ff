package walls

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
)

// waiting is every way of package time to wait.
var waiting = []string{"Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}

// Waits lists where a room or a noun waits by the clock. Waiting is the
// broker's business, or a due time's in a table: a handler that sleeps and
// tries again holds its claim meanwhile, and forgets everything when it dies.
// The relay is left out: it sweeps.
func Waits(functionsFolder string) ([]string, error) {
	var found []string
	for _, name := range append(slices.Clone(rooms), nouns...) {
		if name == "relay" {
			continue
		}
		files, err := filepath.Glob(filepath.Join(functionsFolder, name, "*.go"))
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("there is nothing in %s", filepath.Join(functionsFolder, name))
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			calls, err := waitsIn(file)
			if err != nil {
				return nil, err
			}
			found = append(found, calls...)
		}
	}
	return found, nil
}

// waitsIn lists the uses of package time in one file that wait.
func waitsIn(file string) ([]string, error) {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	clock := ""
	for _, i := range parsed.Imports {
		if i.Path.Value == `"time"` {
			clock = "time"
			if i.Name != nil {
				clock = i.Name.Name
			}
		}
	}
	var found []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && clock != "" && x.Name == clock && slices.Contains(waiting, selector.Sel.Name) {
			found = append(found, fmt.Sprintf("%s: time.%s", set.Position(selector.Pos()), selector.Sel.Name))
		}
		return true
	})
	return found, nil
}
