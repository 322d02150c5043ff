// Package overlays looks at every deployment as its cluster would get it: rendered
// by kustomize, read strictly into the platform's own Go types, with its defaults,
// its validation and its rules for pods.
package overlays
