// Package schedule owns when jobs are due: the schedules of each job and the fire
// ledger, which has a row for every due occurrence, whatever became of it.
//
//	            FireDue
//	next_fire_at ≤ now ──┬─▶ started   a run was asked for, in the same transaction
//	                     ├─▶ skipped   previous_run_open, job_paused, job_archived, invalid_inputs
//	                     └─▶ missed    catch_up_none, catch_up_last, catch_up_limit, invalid_schedule, internal_error
//
// It promises:
//   - An occurrence becomes at most one run, however many hubs are awake. The
//     schedule's row is locked while its occurrences are decided, an occurrence
//     is never decided again, and (schedule, planned time) is unique besides.
//   - Ledger, runs and the next due time are one transaction.
//   - What is due is decided by the database's clock; the next due time is a
//     function of the last one ([cron]), so no clock can move it backwards.
//   - A schedule that cannot be carried out does not hold up the others.
//   - [Store.Apply] leaves a schedule that did not change alone: it keeps its id,
//     revision, anchor and next due time.
//
// Occurrences that come to light late, because no hub was awake, are treated by
// the schedule's policy. Whatever the policy, those at most two seconds late
// start; then none starts the latest if it is at most a minute late, last starts
// the latest however late, all starts the latest hundred. The others are missed
// and have their ledger rows, the latest hundred one by one and what was before
// them in one row that counts them.
//
// It refuses to know how a run is executed and what a job is: it hears of jobs
// through [Jobs] and asks for runs through [Runs].
package schedule
