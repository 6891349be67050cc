// Package runlog owns what attempts wrote: it appends, reads and follows logs.
//
// A log is a sequence of frames (see proto/frame) addressed by the offset of
// framed bytes. It is kept as chunks of whole frames, compressed, with the number
// of the line in which each begins, and one head per attempt that says how far
// the log is durable.
//
// It promises:
//   - one order per attempt and no silent gap: a chunk is stored only when it
//     begins exactly where the log ends, so appending it again changes nothing;
//   - what [Store.Append] returned as durable is committed;
//   - a reader holds a bounded piece of a log in memory, however long the log or
//     a line in it is, and a slow reader delays nobody;
//   - [Store.Follow] ends after the last byte of a complete log, and only then.
//
// All methods may be called concurrently. A doorbell (`log:<run id>`) wakes
// followers; losing one costs a second.
//
// It refuses to know runs, their states and who may read. It masks nothing: what
// arrives was masked before it first touched a disk.
//
// Lines are counted over all streams in order: line n ends with the nth newline,
// and what follows the last newline is an open line with the next number.
package runlog
