// Package artifact owns the files that runs keep: a report, a backup, what the next
// step of a workflow needs. Scripts put them while they run; people and scripts of
// the same project read them, as long as there is the run.
//
//	Begin ─▶ Write ─▶ … ─▶ Finish      not seen by any reader before
//	  └────────┴─────────▶ Drop, or five minutes without a word: gone
//
// It promises:
//   - An artifact appears whole or not at all: when all bytes that were announced are
//     here and their SHA-256, taken while they came, is the one that the sender gives.
//   - Of two puts of one name in a run the one that is finished last is the artifact,
//     in one step: a reader finds the old one or the new one. Who reads the old one at
//     that moment is told that it is gone, and is never given a mixture.
//   - [Limits] hold for what a run has and what it is putting together, and are looked
//     at before the first byte comes. The artifact that is replaced does not count.
//   - Write may be repeated; Begin and Finish are repeated by hub/call, which remembers
//     their answers.
//   - Artifacts end with their run's row.
//   - Nowhere is more than one chunk of 512 KiB in memory.
//
// The bytes are rows of PostgreSQL. Any number of hubs work on one database, behind
// one address: what is put at one of them must be read at each, and be in the same
// backup as the run. A directory of one hub gives neither. All chunks but the last
// have one size, so that a chunk is found by its number; the state of the hash is in
// the artifact's row, so that chunks may come by different hubs.
//
// It refuses to know runs and people: who may put and read is the callers' matter.
package artifact
