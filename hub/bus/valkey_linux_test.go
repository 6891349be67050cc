package bus_test

import "syscall"

// diesWithUs leaves no server behind when the test binary is killed. The thread
// that forks may end before, which only ends the server before its time; the test
// then fails. So far the runtime keeps its threads.
var diesWithUs = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
