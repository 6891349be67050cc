// Package policy is what the operator of a host lets jobs in containers have there.
// It is a file on the host, which no hub can change:
//
//	images: [registry.example/team/*, cronium-*]  # left out: every image
//	networks: [none, bridge, build]               # left out: none and bridge
//	dns: [10.0.0.53]
//	mounts:
//	  cache: {source: /srv/cache, target: /cache, read_only: true}
//	registries:
//	  registry.example: {username: robot, password_file: /etc/cronium/robot.password}
//	limits: {memory: 2GiB, cpus: 2, processes: 512}
//
// Promises:
//   - The file counts only if root owns it and nobody else may write to it, and only
//     as a whole: a key that is not known is refused by its name.
//   - No policy opens the host. Sockets of container engines, /, /proc, /sys, /dev,
//     /etc, /root, /boot, the engines' own files and the agent's data directory are
//     never mounted, nor what is in them or has them in it. Symbolic links are
//     followed first, when the file is read and again before every start; what is
//     mounted is where they led. The host's network is never a container's.
//   - A password is read when it is needed, and is in no text that this package makes.
//
// It is read once, when the agent starts. It does not know the engine.
package policy
