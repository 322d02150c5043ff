// Package secret reads secrets from files, and again when they change.
//
// A Secret that Kubernetes mounts is a symbolic link to a folder that is
// swapped as a whole; a person at a laptop writes the file in place. Either
// way the new value is used without a restart. A file that is missing, empty,
// too long or not what it should be (a rotation half done) changes nothing: the
// last good value stands in, and a warning is logged, once for each time the
// file goes bad.
package secret
