package walls

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	testNamed   = regexp.MustCompile(`\b(?:Test|Fuzz|Example|Benchmark)[A-Z][A-Za-z0-9_]*`)
	testDefined = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example|Benchmark)[A-Za-z0-9_]*)\(`)
	sqlNamed    = regexp.MustCompile("`((?:[a-z]+\\.)?[a-z]+(?:_[a-z0-9]+)+)`")
	folderNamed = regexp.MustCompile("`((?:events|config|functions|cmd|infra|docs)(?:/[a-z0-9.-]+)*)/?`")
)

// Unknown lists what documents that promise something name and the tree below root
// does not have: tests, of which each must name some, folders or files given from
// the root, and names with underscores, such as those of constraints and tables,
// which must be in the migrations. The documents are paths below root. A promise
// whose test or constraint was renamed is found by this.
func Unknown(root string, documents ...string) ([]string, error) {
	return unknown(root, true, documents)
}

// Misnamed is Unknown for documents that explain: tests and paths alone.
func Misnamed(root string, documents ...string) ([]string, error) {
	return unknown(root, false, documents)
}

func unknown(root string, promises bool, documents []string) ([]string, error) {
	defined, err := tests(root)
	if err != nil {
		return nil, err
	}
	sql, err := migrations(root)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, document := range documents {
		text, err := os.ReadFile(filepath.Join(root, document))
		if err != nil {
			return nil, err
		}
		named := testNamed.FindAllString(string(text), -1)
		if promises && len(named) == 0 {
			missing = append(missing, document+" names no test")
		}
		for _, name := range named {
			if !defined[name] {
				missing = append(missing, fmt.Sprintf("%s names the test %s", document, name))
			}
		}
		var names [][]string
		if promises {
			names = sqlNamed.FindAllStringSubmatch(string(text), -1)
		}
		for _, match := range names {
			if found, err := regexp.Match(`\b`+regexp.QuoteMeta(match[1])+`\b`, sql); err != nil || !found {
				missing = append(missing, fmt.Sprintf("%s names %s, which no migration does", document, match[1]))
			}
		}
		for _, match := range folderNamed.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(root, match[1])); err != nil {
				missing = append(missing, fmt.Sprintf("%s names the path %s", document, match[1]))
			}
		}
	}
	return missing, nil
}

// tests lists the names of all test functions below root.
func tests(root string) (map[string]bool, error) {
	defined := map[string]bool{}
	tree := os.DirFS(root)
	err := fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := fs.ReadFile(tree, path)
		if err != nil {
			return err
		}
		for _, match := range testDefined.FindAllSubmatch(source, -1) {
			defined[string(match[1])] = true
		}
		return nil
	})
	return defined, err
}

// migrations is the text of all of them.
func migrations(root string) ([]byte, error) {
	files, err := filepath.Glob(filepath.Join(root, "functions", "schema", "migrations", "*.sql"))
	if err != nil {
		return nil, err
	}
	var all []byte
	for _, file := range files {
		sql, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		all = append(all, sql...)
	}
	return all, nil
}
