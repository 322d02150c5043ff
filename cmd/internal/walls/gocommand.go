package walls

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// List asks the go command for the packages that match patterns, as seen from
// the folder of one module.
func List(ctx context.Context, folder string, patterns ...string) ([]Package, error) {
	out, err := goCommand(ctx, folder, nil, append([]string{"list", "-json=ImportPath,Name,Imports,Deps"}, patterns...)...)
	if err != nil {
		return nil, err
	}
	var packages []Package
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p struct {
			ImportPath, Name string
			Imports, Deps    []string
		}
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the answer of go list: %w", err)
		}
		packages = append(packages, Package{Path: p.ImportPath, Name: p.Name, Imports: p.Imports, Deps: p.Deps})
	}
}

// BuildAlone builds every package of the module in folder from its own go.mod,
// as somebody would who has the module and no workspace.
func BuildAlone(ctx context.Context, folder string) error {
	_, err := goCommand(ctx, folder, []string{"GOWORK=off"}, "build", "-buildvcs=false", "./...")
	return err
}

func goCommand(ctx context.Context, folder string, environment []string, arguments ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, "go", arguments...)
	c.Dir, c.Env = folder, append(os.Environ(), environment...)
	var out, complaints bytes.Buffer
	c.Stdout, c.Stderr = &out, &complaints
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("go %s in %s: %w\n%s", arguments[0], folder, err, complaints.String())
	}
	return out.Bytes(), nil
}
