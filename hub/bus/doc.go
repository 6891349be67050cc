// Package bus is the doorbell: "look again" from one part of a hub to another,
// and between replicas. It carries topics, never data. PostgreSQL stays the
// truth, and whoever waits for a bell also polls, so a lost ring costs one poll
// interval and nothing else.
//
// It promises:
//   - [Bus.Ring] never blocks and never fails. It reaches subscribers in this
//     process at once, and other replicas within a few milliseconds: topics are
//     collected for two milliseconds and sent together, outside any transaction,
//     because NOTIFY makes commits wait for each other.
//   - a bell holds at most one ring, so a slow listener costs nobody anything;
//   - after every reconnect all subscribers are rung, because what was sent
//     meanwhile is lost.
//
// Between replicas it uses LISTEN/NOTIFY, or Valkey's pub/sub when it is given a
// URL; with neither it is the in-process twin, which is all that a hub with a
// private database needs. When the carrier is down the bus is quiet, not wrong.
//
// Everything may be called concurrently. [Bus.Run] is the only goroutine's home.
//
// # Topics
//
//	queue        something can be claimed        agents     the fleet changed
//	runs         some run changed                cancel     a cancel was requested
//	run:<uuid>   that run changed                schedules  due times changed
//	log:<uuid>   its log grew or was completed
package bus
