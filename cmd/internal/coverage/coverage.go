package coverage

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Share is how many statements there are and how many were run.
type Share struct {
	Name             string
	Covered, Counted int
}

// Percent of the statements that were run.
func (s Share) Percent() float64 {
	if s.Counted == 0 {
		return 100
	}
	return 100 * float64(s.Covered) / float64(s.Counted)
}

// Profile collects the profiles of go test.
type Profile struct {
	blocks map[string]block // by file and position
}

type block struct {
	statements int
	covered    bool
}

// Read adds a profile. One that breaks off, or is none, is an error.
func (p *Profile) Read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "mode: ") {
		return fmt.Errorf("not a coverage profile: it begins with %q", lines.Text())
	}
	if p.blocks == nil {
		p.blocks = map[string]block{}
	}
	for n := 2; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 || !strings.Contains(fields[0], ".go:") {
			return fmt.Errorf("line %d of a coverage profile: %q", n, lines.Text())
		}
		statements, err := strconv.Atoi(fields[1])
		if err != nil {
			return fmt.Errorf("line %d of a coverage profile: %w", n, err)
		}
		p.blocks[fields[0]] = block{statements, p.blocks[fields[0]].covered || fields[2] != "0"}
	}
	return lines.Err()
}

// Total is the share of everything.
func (p *Profile) Total() Share {
	total := Share{Name: "total"}
	for _, b := range p.blocks {
		total.add(b)
	}
	return total
}

// Above is an error unless each of these packages, by its import path, is covered to
// its floor in percent.
func (p *Profile) Above(floors map[string]int) error {
	shares := map[string]Share{}
	for _, s := range p.Packages() {
		shares[s.Name] = s
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(floors)) {
		s, there := shares[name]
		switch {
		case !there:
			errs = append(errs, fmt.Errorf("no statement of %s in the profiles", name))
		case s.Percent() < float64(floors[name]):
			errs = append(errs, fmt.Errorf("the tests cover %.1f %% of %s, its floor is %d %%", s.Percent(), name, floors[name]))
		}
	}
	return errors.Join(errs...)
}

// Packages are the shares of each package, the least covered first.
func (p *Profile) Packages() []Share {
	shares := map[string]*Share{}
	for where, b := range p.blocks {
		file, _, _ := strings.Cut(where, ":")
		name := path.Dir(file)
		if shares[name] == nil {
			shares[name] = &Share{Name: name}
		}
		shares[name].add(b)
	}
	list := make([]Share, 0, len(shares))
	for _, name := range slices.Sorted(maps.Keys(shares)) {
		list = append(list, *shares[name])
	}
	slices.SortStableFunc(list, func(a, b Share) int { return cmp.Compare(a.Percent(), b.Percent()) })
	return list
}

func (s *Share) add(b block) {
	s.Counted += b.statements
	if b.covered {
		s.Covered += b.statements
	}
}
