// Package local keeps a private PostgreSQL server for a hub that was given none:
// a child process with its data in the hub's directory, reachable only through a
// unix socket that only the hub's user may open.
//
// It promises:
//   - a killed initdb leaves nothing half-made: the cluster is made aside and renamed;
//   - never two servers on one directory: a lock file for hubs, and before every
//     start a wait for what an earlier, killed hub left running;
//   - the server dies with its parent, also by kill -9: the kernel sends it SIGQUIT
//     when the thread that forked it ends, so that thread is kept for its lifetime;
//   - nothing runs as root: a root hub drops to the user postgres (or nobody) and
//     is let in by peer authentication;
//   - a server that dies is started again; PostgreSQL then recovers by itself.
//
// It never starts a newer major version on an older cluster, never sends SIGKILL
// to the server, and does not know what is stored in it.
//
//	DIR/lock   held by the hub that owns the directory; contains its pid
//	DIR/data   the cluster
//	DIR/run    the socket, when its path is short enough
package local
