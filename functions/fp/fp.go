// Package fp holds failpoints: named places where a test may make the program
// fail as if the process had died there.
//
// A point stands before and after every commit, outside call, publish and
// reply. In production no hook is set and Hit costs one context look-up. A
// test sets a hook; an error from it is returned at the point, so that nothing
// after it happens.
package fp

import "context"

type key struct{}

// Hook decides at a point whether to fail there.
type Hook func(point string) error

// With returns a context whose points ask hook. A nil hook changes nothing.
func With(ctx context.Context, hook Hook) context.Context {
	if hook == nil {
		return ctx
	}
	return context.WithValue(ctx, key{}, hook)
}

// Hit fails if the context's hook says so. Points are named
// "<function>.<place>", such as "closure-mambu.after-call".
func Hit(ctx context.Context, point string) error {
	hook, ok := ctx.Value(key{}).(Hook)
	if !ok {
		return nil
	}
	return hook(point)
}
