// Package mask replaces secrets in a stream of bytes with three stars before the
// bytes reach a disk or a wire.
//
// A [Set] is an automaton (Aho–Corasick) over every form of every value in which
// a secret usually shows itself: as it is, line by line, escaped for JSON, C,
// shells, URLs and XML, in hex, base32, UTF-16 and, because a secret may lie
// anywhere inside what was encoded, in base64 with all three alignments. A set is
// read only and may be shared; a [Stream] belongs to one goroutine.
//
// Promises, each a property test: the output does not depend on how the input
// was cut into writes; no form of a value is in the output; a stream holds back
// only bytes that may be the beginning of a form, so never more than the longest
// one. What is held is given out by [Stream.Close] only, never because time
// passed: a pause in the middle of a secret is no reason to show its first half.
//
// A stream may go on with a set that recognises more ([Stream.Switch]): from then on
// it is as if it had never had another, but what was given out is out.
//
// Values shorter than [MinValue] bytes are not masked, because they would eat the
// log. A secret that was transformed in another way (encrypted, reversed, wrapped
// over lines) is not recognised. Neither the number of stars nor anything else
// tells a value's length.
package mask
