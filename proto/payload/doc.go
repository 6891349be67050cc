// Package payload is what vouches for an order to run something. A hub signs the
// bytes of a runner.v1.Payload once; agent and runner each check those bytes, and
// decode them only then.
//
//	version 1 │ key id │ signature │ payload
//	1 byte    │ 8      │ 64        │ …
//
// The signature is Ed25519 over "cronium payload 1", a zero byte, and the payload.
// Every byte counts: another version, an unknown key, a field that this program
// does not know are refused, because what it does not know it cannot obey. What
// the payload binds (instance, agent, attempt, fence) is compared by its reader,
// who knows what they should be.
//
// It keeps no keys and knows no rotation. There is no time in a payload: agents do
// not trust clocks, and an old one is refused by its fence and by the hub's Accept.
package payload
