// Package apilint judges the API's OpenAPI document as a reader, a generator of
// clients and a security review would: the document is valid by the specification's
// own schema, and the rules of a linter that others use hold, but for those that
// [Without] names, each with its reason.
package apilint
