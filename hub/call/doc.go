// Package call answers what scripts ask for while they run: variables, secrets,
// artifacts, their run's output, condition and progress.
//
//	script ─▶ runner ─▶ agent ─▶ agentapi ─▶ call ─▶ variable, secret, output, artifact
//
// It promises:
//   - Only a live attempt is answered: one that run says this agent holds, under this
//     fence, and runs.
//   - What changes something changes it once. The answer is written in the transaction
//     of the change, under run, attempt and the call's number; a call that comes again
//     within ten minutes gets that answer.
//   - A script reaches the variables of its project, and those secrets of it that the
//     version of the job that it runs declares. Every reading of a secret is noted.
//     It puts artifacts of its own run, and reads those of every run of its project.
//   - What a script did wrong is a problem that it is told; an error is ours, and the
//     call may be asked again.
//
// It knows neither agents nor people, and keeps nothing of its own but the answers.
package call
