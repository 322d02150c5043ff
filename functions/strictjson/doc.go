// Package strictjson reads JSON the way money wants it read: what is ambiguous
// is refused, not guessed.
//
// A lenient reader takes the last of two equal names, a name in another case, a
// number that follows the value, a null as zero, half a character as a
// question mark. Two programs that guess differently then see two different
// amounts in the same bytes. [Check] refuses all of that before anybody looks
// at the content; [Decode] fills a struct from what passed, with exact names
// and no member that it does not know.
//
// A [Fault] says what is wrong and where, as an RFC 6901 pointer, and never
// repeats a value: values may be personal.
package strictjson
