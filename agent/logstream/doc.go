// Package logstream brings the logs of attempts from segments on disk to the
// hub: every byte once and in order, however often the connection breaks.
//
// Chunks of whole frames, at most 64 KiB, go out over one stream of the data
// connection, which is opened when there is something to send and closed after a
// while without. The hub answers each with the offset up to which it has the log
// for good, and that offset decides what is sent next; what it has not confirmed
// is read from disk again. At most 256 KiB are on the way, and attempts take turns,
// so one that floods its log delays the others by little. A single new line goes
// out at once.
//
// After a restart the hub's offset is unknown: the first chunk of a log is sent
// from the start, and the answer tells where to go on.
//
// [Streamer.Follow] may be called concurrently. The package does not know how the
// hub is reached.
package logstream
