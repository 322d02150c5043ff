package books

import "slices"

// tally counts how often each key stands in a book, in the order of the book.
type tally struct {
	n     map[string]int
	order []string
}

func (t *tally) add(key string) {
	if t.n == nil {
		t.n = map[string]int{}
	}
	if t.n[key] == 0 {
		t.order = append(t.order, key)
	}
	t.n[key]++
}

// take returns the count of key and strikes it out, so that what is left in
// order at the end is what nobody expected.
func (t *tally) take(key string) int {
	n := t.n[key]
	delete(t.n, key)
	t.order = slices.DeleteFunc(t.order, func(k string) bool { return k == key })
	return n
}
