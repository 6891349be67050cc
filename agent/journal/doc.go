// Package journal is what an agent and its runners keep on disk about attempts,
// so that either may die at any moment and the truth is found again.
//
//	DIR/journal.json                 format number and id of this journal
//	DIR/fence                        highest fence ever seen, advanced now and then
//	DIR/reserve                      space kept free for results
//	DIR/runs/<run>.<attempt>/
//	    spec.bin                     the payload as the hub sent it, no secret in it
//	    intent                       exclusive: written before anything is launched
//	    user                         the user id that the script has for itself, if any
//	    launch                       which image it is launched in, if it has one
//	    started                      exclusive: whoever creates it decides
//	    out.000001 …                 the masked log (package segment)
//	    exit                         how it ended, complete or absent
//	    delivered                    the hub has the result; the directory may go
//	    work/                        the script's workspace
//
// The law is in `started`: a runner creates it before it may run user code, and a
// recovering agent creates it to abandon an attempt that has an intent and
// nothing more. The file system lets exactly one of them win, so an attempt runs
// at most once and "not started" is proven. Nothing here launches anything.
//
// Files appear whole or not at all, and survive the death of every process as soon
// as a method returns. They reach the disk a little later ([Entry.Sync]), because
// only a loss of power can tell the difference, and a start must not wait for the
// disk three times: after a loss of power the boot id is another one, and then a
// missing `started` proves nothing and is not taken for a proof. An attempt whose
// directory was lost altogether is one the hub knows and we do not hold: lost.
//
// A method of [Entry] may be called by the agent and the runner at the same time.
// The package knows neither the hub nor executors.
package journal
