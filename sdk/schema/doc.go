// Package schema describes the inputs of a job and turns what somebody gave into
// values of the right type: strings, integers, numbers and booleans.
//
// It promises that what [Inputs.Resolve] returns fits into the environment of a
// process: no NUL, valid UTF-8, bounded in size, and no two inputs with one
// variable name. Text is accepted for every type, because a command line knows
// nothing else; the other way round nothing is guessed: the number 1.10 is not the
// string "1.10". Every problem names the input.
//
// It is pure, and knows neither jobs nor runs.
package schema
