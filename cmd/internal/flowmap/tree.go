package flowmap

import (
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"quittance.dev/cmd/internal/knative"
	"quittance.dev/config"
	"quittance.dev/events"
)

// Map is what the tree says about who hears what.
type Map struct {
	Catalogue []events.Entry
	Manifests *knative.Manifests
	Objects   []Object // all shared manifests, those that knative.LoadInfra leaves alone included
	Settings  Settings
	Mains     []string            // folders of functions/cmd
	Roles     []string            // database roles of the migrations, without their prefix
	Speaks    map[string][]string // main -> the outside systems whose client it is built with
	Built     []string            // images that skaffold.yaml builds
	Listed    []string            // files that the kustomizations of infra/ list
}

// Settings is what all functions are told, read as they read it.
type Settings struct {
	Service config.Service
	Audit   config.Audit
	Unknown []string // names that no block of package config asks for
}

const (
	namespace = "quittance"
	configMap = "quittance"
)

// Read reads the tree below root, the project's folder.
func Read(root string) (*Map, error) {
	infra := os.DirFS(filepath.Join(root, "infra"))
	m := &Map{Catalogue: events.Catalogue()}
	var err error
	if m.Manifests, err = knative.LoadInfra(namespace, infra); err != nil {
		return nil, err
	}
	if m.Objects, err = objects(infra); err != nil {
		return nil, err
	}
	if m.Settings, err = settings(filepath.Join(root, "infra", "base", "settings.env")); err != nil {
		return nil, err
	}
	if m.Mains, m.Speaks, err = mains(filepath.Join(root, "functions", "cmd")); err != nil {
		return nil, err
	}
	if m.Roles, err = roles(filepath.Join(root, "functions", "schema", "migrations")); err != nil {
		return nil, err
	}
	if m.Built, err = built(filepath.Join(root, "skaffold.yaml")); err != nil {
		return nil, err
	}
	m.Listed, err = listed(filepath.Join(root, "infra"))
	return m, err
}

// settings reads the settings of base into every block of package config: a value
// that does not parse is an error, a name that nobody asks for is listed.
func settings(file string) (Settings, error) {
	given, err := readEnv(file)
	if err != nil {
		return Settings{}, err
	}
	asked := map[string]bool{}
	var blocks struct {
		config.Service
		config.Relay
		config.Audit
		config.Mambu
		config.ExternalE
		config.Stripe
		config.Mail
		config.SMS
	}
	err = config.Load(context.Background(), func(name string) (string, bool) {
		asked[name] = true
		value, there := given[name]
		return value, there
	}, &blocks)
	if err != nil {
		return Settings{}, fmt.Errorf("%s: %w", file, err)
	}
	s := Settings{Service: blocks.Service, Audit: blocks.Audit}
	for name := range given {
		if !asked[name] {
			s.Unknown = append(s.Unknown, name)
		}
	}
	slices.Sort(s.Unknown)
	return s, nil
}

// lease is how long a Remote's claim stands with these settings; the kernel
// adds two seconds to the deadline (fn.Options).
func (s Settings) lease() time.Duration { return s.Service.Deadline + 2*time.Second }

// outside names the systems by the package that speaks to them.
var outside = map[string]string{"mambu": "Mambu", "externale": "E", "stripe": "card processor", "mail": "mail gateway", "sms": "text gateway"}

// mains lists the commands below folder, and which outside systems each is
// built to speak with, by the imports of its main.go.
func mains(folder string) (names []string, speaks map[string][]string, err error) {
	files, err := filepath.Glob(filepath.Join(folder, "*", "main.go"))
	if err != nil {
		return nil, nil, err
	}
	speaks = map[string][]string{}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		names = append(names, name)
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return nil, nil, fmt.Errorf("imports of %s: %w", name, err)
		}
		for _, i := range parsed.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return nil, nil, err
			}
			if system := outside[strings.TrimPrefix(path, "quittance.dev/functions/")]; system != "" {
				speaks[name] = append(speaks[name], system)
			}
		}
	}
	return names, speaks, nil
}

var (
	roleList  = regexp.MustCompile(`foreach name in array array\[([^\]]*)\]`)
	roleGrant = regexp.MustCompile(`\bto quittance_([a-z_]+);`)
)

// roles lists the database roles that the migrations make and grant something.
func roles(folder string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.sql"))
	if err != nil {
		return nil, err
	}
	made, granted := map[string]bool{}, map[string]bool{}
	for _, file := range files {
		sql, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, list := range roleList.FindAllSubmatch(sql, -1) {
			for name := range strings.SplitSeq(string(list[1]), ",") {
				made[strings.Trim(strings.TrimSpace(name), "'")] = true
			}
		}
		for _, grant := range roleGrant.FindAllSubmatch(sql, -1) {
			granted[string(grant[1])] = true
		}
	}
	var both []string
	for name := range made {
		if granted[name] {
			both = append(both, name)
		}
	}
	slices.Sort(both)
	return both, nil
}
