// Package callargs is the command line of `cronium-runner call`, the client of the
// runtime API for every shell: it makes a request of arguments, and of the answer
// what a script reads.
//
//	call [FLAG…] CALL [{…} | -]
//	call [FLAG…] CALL [KEY=TEXT | KEY:=JSON]…
//
//	{…}                all arguments, as one JSON object
//	-                  the same, from standard input
//	KEY=TEXT           one argument: TEXT becomes a JSON string, quoted here, not by a shell
//	KEY:=JSON          one argument, as JSON
//
//	--stdin=KEY        one argument: all of standard input as a string
//	--stdin-json=KEY   one argument: JSON from standard input
//	--member=NAME      prints this member of the value, which is an object; null if it has none
//	--default=TEXT     prints TEXT if the value is null
//	--raw              prints a string without quotes and null as nothing, and an error as
//	                   two lines for people
//
// Without --raw the value is printed as one line of JSON, an error as one line of
// problem JSON on standard error. The exit code is 0; 1 if the call failed; 2 if the
// command line is wrong, which is said in words, and nothing was sent.
//
// Two calls are made of several requests, because a file is more than a request may
// hold. It is opened here, by a process with the rights of the script and no others:
//
//	artifact.put {name, file}         begin, write …, commit; drop if it fails
//	artifact.get {name, file, run?}   open, read …; file appears when all of it is right
//
// Standard input is read only if it was asked for, so that a loop over lines may make
// calls. The text of numbers is sent and printed as it came.
//
// The package is pure but for the standard streams and those files; it does not know
// sockets.
package callargs
