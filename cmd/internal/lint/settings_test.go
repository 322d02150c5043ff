package lint_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/lint"
)

// Every block of settings that a main reads is one that the linter knows, or it
// would call its names unknown.
func TestBlocksAreThoseThatMainsRead(t *testing.T) {
	known := map[string]bool{}
	var know func(reflect.Type)
	know = func(of reflect.Type) {
		known[path.Base(of.PkgPath())+"."+of.Name()] = true
		for i := range of.NumField() {
			if field := of.Field(i).Type; field.Kind() == reflect.Struct {
				know(field)
			}
		}
	}
	know(reflect.TypeFor[lint.Blocks]())
	files, err := filepath.Glob(root + "/functions/cmd/*/main.go")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		for name := range blocksIn(parsed) {
			require.True(t, known[name], "%s reads %s", file, name)
		}
	}
}

// blocksIn lists the types of variables and of their fields that are blocks: of
// package config, or the Config of a room.
func blocksIn(file *ast.File) map[string]bool {
	found := map[string]bool{}
	note := func(expression ast.Expr) {
		if s, is := expression.(*ast.SelectorExpr); is {
			if from, is := s.X.(*ast.Ident); is && (from.Name == "config" || s.Sel.Name == "Config") {
				found[from.Name+"."+s.Sel.Name] = true
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			note(n.Type)
		case *ast.ValueSpec:
			note(n.Type)
		}
		return true
	})
	return found
}
