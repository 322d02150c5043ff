package walls_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"quittance.dev/cmd/internal/walls"
)

const root = "../../.."

var modules = []string{"events", "config", "client", "functions", "cmd"}

// The checker must be able to fail: each of these made-up imports goes through
// a wall, and each of the others does not.
func TestCheckFindsEachBreach(t *testing.T) {
	for _, c := range []struct{ from, to, says string }{
		{"quittance.dev/events", "github.com/google/uuid", "events knows the standard library"},
		{"quittance.dev/events/money", "golang.org/x/text/currency", "events knows the standard library"},
		{"quittance.dev/events", "quittance.dev/config", "events knows the standard library"},
		{"quittance.dev/config", "quittance.dev/events", "config knows nothing of ours"},
		{"quittance.dev/config", "quittance.dev/functions/fn", "config knows nothing of ours"},
		{"quittance.dev/functions/fn", "quittance.dev/cmd/internal/memnet", "nobody imports cmd"},
		{"quittance.dev/functions/banking", "net/http", "a noun does not know how it is asked"},
		{"quittance.dev/functions/ledger", "github.com/danielgtaylor/huma/v2", "a noun does not know how it is asked"},
		{"quittance.dev/functions/banking", "quittance.dev/functions/api", "a room is put together in all.go"},
		{"quittance.dev/functions/accounts", "github.com/spf13/cobra", "a noun does not know how it is asked"},
		{"quittance.dev/client", "quittance.dev/events/money", "client knows the standard library"},
		{"quittance.dev/client", "github.com/google/uuid", "client knows the standard library"},
		{"quittance.dev/functions/fn", "quittance.dev/client", "the bank does not call itself"},
		{"quittance.dev/config", "quittance.dev/cmd/quittance", "config knows nothing of ours"},
		{"quittance.dev/functions/receipt", "quittance.dev/functions/notify", "a room is put together in all.go"},
		{"quittance.dev/functions/ledger", "quittance.dev/functions/ledgerposting", "a room is put together in all.go"},
		{"quittance.dev/functions/relay", "quittance.dev/functions/api", "a room is put together in all.go"},
		{"quittance.dev/functions/receipt", "net/http", "that is the kernel's business"},
		{"quittance.dev/functions/receipt", "net/http/httptrace", "that is the kernel's business"},
		{"quittance.dev/functions/receipt/drawing", "net/http", "that is the kernel's business"},
		{"quittance.dev/functions/receipt/drawing", "quittance.dev/functions/notify", "a room is put together in all.go"},
		{"quittance.dev/functions/closuree", "os", "that is the kernel's business"},
		{"quittance.dev/functions/closuree", "os/exec", "that is the kernel's business"},
		{"quittance.dev/functions/payment", "github.com/jackc/pgx/v5/pgxpool", "that is the kernel's business"},
		{"quittance.dev/functions/audit", "github.com/cloudevents/sdk-go/v2/event", "that is the kernel's business"},
		{"quittance.dev/functions/deadletter", "go.opentelemetry.io/otel/metric", "that is the kernel's business"},
		{"quittance.dev/functions/api", "github.com/jackc/pgx/v5/pgxpool", "that is the kernel's business"},
		{"quittance.dev/functions/api", "os", "that is the kernel's business"},
		{"quittance.dev/functions/relay", "os", "that is the kernel's business"},
	} {
		found := walls.Check([]walls.Package{{Path: c.from, Imports: []string{"fmt", c.to}}})
		require.Len(t, found, 1, "%s -> %s", c.from, c.to)
		require.Contains(t, found[0], c.from+" imports "+c.to+": "+c.says)
	}
	for from, to := range map[string]string{
		"quittance.dev/events":                    "quittance.dev/events/money",
		"quittance.dev/events/money":              "math/bits",
		"quittance.dev/client":                    "net/http",
		"quittance.dev/cmd/internal/demo":         "quittance.dev/client",
		"quittance.dev/config":                    "github.com/sethvargo/go-envconfig",
		"quittance.dev/functions":                 "quittance.dev/functions/receipt",
		"quittance.dev/functions/cmd/receipt":     "quittance.dev/functions/receipt",
		"quittance.dev/functions/receipt":         "github.com/jackc/pgx/v5",
		"quittance.dev/functions/api":             "net/http",
		"quittance.dev/functions/relay":           "github.com/jackc/pgx/v5/pgxpool",
		"quittance.dev/functions/mambu":           "net/http",
		"quittance.dev/functions/mail/mailtest":   "net/http",
		"quittance.dev/cmd/internal/bank":         "quittance.dev/functions/api",
		"quittance.dev/functions/closuremambu":    "quittance.dev/functions/closure",
		"quittance.dev/functions/receipt/drawing": "quittance.dev/functions/receipt",
	} {
		require.Empty(t, walls.Check([]walls.Package{{Path: from, Imports: []string{to}}}), "%s -> %s", from, to)
	}
}

func TestCheckWeighsBinaries(t *testing.T) {
	command := func(deps ...string) []walls.Package {
		return []walls.Package{{Path: "quittance.dev/functions/cmd/receipt", Name: "main", Deps: deps}}
	}
	for _, dep := range []string{
		"k8s.io/client-go/kubernetes", "k8s.io/client-go", "knative.dev/eventing/pkg/kncloudevents",
		"testing", "github.com/stretchr/testify/require", "quittance.dev/functions/mambu/mambutest", "quittance.dev/functions/pgtest",
	} {
		found := walls.Check(command("fmt", dep))
		require.Len(t, found, 1, dep)
		require.Contains(t, found[0], "quittance.dev/functions/cmd/receipt links "+dep)
	}
	require.Empty(t, walls.Check(command("knative.dev/pkg/signals", "k8s.io/apimachinery/pkg/util/sets", "testing2", "net/http")))
}

// The walls of docs/design.md, section 2, over the tree as it is; E12: the domain
// knows no transport.
func TestTheTreeKeepsItsWalls(t *testing.T) {
	seen := map[string]bool{}
	for _, module := range modules {
		packages, err := walls.List(t.Context(), filepath.Join(root, module), "./...")
		require.NoError(t, err)
		require.Empty(t, walls.Check(packages), "module %s", module)
		for _, p := range packages {
			seen[p.Path] = true
		}
	}
	// A renamed room would leave its walls without a word.
	for _, noun := range walls.Nouns() {
		require.True(t, seen["quittance.dev/functions/"+noun], "there is no noun %s any more: see nouns in walls.go", noun)
	}
	for _, room := range walls.Rooms() {
		require.True(t, seen["quittance.dev/functions/"+room], "there is no room %s any more: see rooms in walls.go", room)
	}
}

// B22: what is said goes into the outbox, and the relay alone takes it to a broker: no
// other function knows where one is.
func TestB22_OnlyTheRelayPublishes(t *testing.T) {
	broker := regexp.MustCompile(`(?i)broker_?url|broker-ingress|K_SINK`)
	knows := map[string]bool{}
	for _, module := range []string{"functions", "config"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, module), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			if err == nil && broker.Match(source) {
				folder, err := filepath.Rel(root, filepath.Dir(path))
				knows[filepath.ToSlash(folder)] = true
				return err
			}
			return err
		}))
	}
	require.Equal(t, map[string]bool{"config": true, "functions/cmd/relay": true, "functions/relay": true}, knows)
}

// E11: a switch over an enumeration names every value: the linter that sees to it is
// on, and no default lets it off.
func TestE11_SwitchesAreExhaustive(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root, ".golangci.yaml"))
	require.NoError(t, err)
	var settings struct {
		Linters struct {
			Enable     []string
			Exclusions struct {
				Rules []struct {
					Path, Source string
					Linters      []string
				}
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(raw, &settings))
	require.Contains(t, settings.Linters.Enable, "exhaustive")
	for _, rule := range settings.Linters.Exclusions.Rules {
		if slices.Contains(rule.Linters, "exhaustive") {
			require.Contains(t, rule.Path, `_test\.go$`, "only tests may leave values out")
		}
	}
}

// B34, E12: the services that were asked for are there, each a noun with its tables, a
// room with its behaviour and a main.
func TestB34_TheTreeHasItsServices(t *testing.T) {
	for service, folders := range map[string][]string{
		"banking": {"banking", "operations"}, "ledger-posting": {"ledger", "ledgerposting"}, "api": {"accounts", "api"},
		"query": {"query", "projecting"}, "notification": {"notification", "notify"},
	} {
		require.FileExists(t, filepath.Join(root, "functions/cmd", service, "main.go"))
		require.FileExists(t, filepath.Join(root, "infra/functions", service+".yaml"))
		for _, folder := range folders {
			require.FileExists(t, filepath.Join(root, "functions", folder, "doc.go"))
		}
	}
	for _, shared := range []string{"events", "config", "functions/fn", "functions/serve"} {
		require.DirExists(t, filepath.Join(root, shared))
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(t, err)
	require.Contains(t, string(makefile), "golangci-lint-$(LINT_VERSION) run ./...", "lint and format")
}

// F01 and the acceptance: what a function's image is made of.
func TestF01_FunctionBinariesAreLean(t *testing.T) {
	commands, err := walls.List(t.Context(), filepath.Join(root, "functions"), "./cmd/...")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(commands), 13, "a main for each function and the relay")
	for _, c := range commands {
		require.Equal(t, "main", c.Name, c.Path)
		require.NotEmpty(t, c.Deps, c.Path)
		require.True(t, slices.ContainsFunc(c.Deps, func(d string) bool { return strings.HasPrefix(d, "quittance.dev/") }), c.Path)
	}
	require.Empty(t, walls.Check(commands))
}

func TestListSaysWhatTheGoCommandSays(t *testing.T) {
	_, err := walls.List(t.Context(), filepath.Join(root, "functions"), "./nothere")
	require.ErrorContains(t, err, "nothere")
}

// Each module builds from its own go.mod, without the workspace.
func TestEachModuleBuildsAlone(t *testing.T) {
	for _, module := range modules {
		require.NoError(t, walls.BuildAlone(t.Context(), filepath.Join(root, module)))
	}
}
