#!/bin/sh
# Installs cronium-agent on this host and enrols it with a hub, brings an installed
# one up to date, or removes it. Repeating it is harmless.
#
#   curl -fsSL URL/install.sh | CRONIUM_JOIN_TOKEN=aj1_… sh
#   curl -fsSL URL/install.sh | sh -s -- --uninstall --yes
#
# Nothing happens before the last line of this file has been read.
set -eu

usage() {
	cat <<'EOF'
Usage: install.sh [OPTION…]

The join token comes from the environment (CRONIUM_JOIN_TOKEN) or a file, never
from an option, which everybody on this host could read. `cronium hosts add` makes one.

  --hub HOST:PORT      where the agent dials the hub
  --url URL            where the hub's dashboard is, to download from
  --token-file FILE    read the join token from FILE; - is standard input
  --name NAME          the name to ask for; the default is the token's or this host's
  --user USER          run the agent as USER, who must exist; the default is root
  --data-dir DIR       where the agent keeps its state; the default is /var/lib/cronium-agent
  --no-start           install and enrol only
  --uninstall          stop the agent and remove everything that belongs to it
  --wait SECONDS       with --uninstall: how long scripts may take to end; the default is 60
  --yes                with --uninstall: do not ask

With DESTDIR in the environment everything goes below that directory, nothing is
started, and root is not needed.
EOF
}

say() { printf '%s\n' "$*"; }

fail() {
	printf 'error: %s\n' "$1" >&2
	if [ -n "${2:-}" ]; then printf 'hint: %s\n' "$2" >&2; fi
	exit 1
}

# as_root runs a command with the rights to install.
as_root() {
	if [ "$uid" = 0 ] || [ -n "$destdir" ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# fetch URL FILE
fetch() {
	if command -v curl >/dev/null 2>&1; then
		curl -fsSL --connect-timeout 15 --retry 3 -o "$2" "$1" </dev/null
	elif command -v wget >/dev/null 2>&1; then
		wget -q -O "$2" "$1" </dev/null
	else
		fail "neither curl nor wget is here" "Install one of them."
	fi || fail "$1 cannot be downloaded" "Open $url in a browser, or try: curl -v $1"
}

# sum FILE prints its SHA-256 in hex.
sum() {
	if command -v sha256sum >/dev/null 2>&1; then
		sha256sum <"$1"
	elif command -v shasum >/dev/null 2>&1; then
		shasum -a 256 <"$1"
	elif command -v openssl >/dev/null 2>&1; then
		openssl dgst -sha256 -r <"$1"
	else
		fail "nothing here computes SHA-256" "Install coreutils."
	fi | cut -d ' ' -f 1
}

# download NAME puts a program into $tmp and checks its sum.
download() {
	want=$(awk -v name="$1" '$2 == name || $2 == "*" name { print $1 }' "$tmp/SHA256SUMS")
	[ -n "$want" ] || fail "this hub has no $1" "Its administrator builds it with: make release"
	fetch "$url/downloads/$1" "$tmp/$1"
	got=$(sum "$tmp/$1")
	[ "$got" = "$want" ] || fail "$1 is not what SHA256SUMS says (got $got, want $want)" "Run this again; if it stays so, something on the way changes downloads."
}

# place FILE TARGET MODE replaces a file in one step.
place() {
	as_root cp "$1" "$2.new"
	as_root chmod "$3" "$2.new"
	as_root mv -f "$2.new" "$2"
}

platform() {
	[ "$(uname -s)" = Linux ] || fail "agents run on Linux, not on $(uname -s)" "Reach this machine over SSH from an agent instead."
	case $(uname -m) in
	x86_64 | amd64) arch=amd64 ;;
	aarch64 | arm64) arch=arm64 ;;
	*) fail "there is no agent for $(uname -m)" "Reach this machine over SSH from an agent instead." ;;
	esac
}

has_systemd() { [ -z "$destdir" ] && [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; }

read_token() {
	token=${CRONIUM_JOIN_TOKEN:-}
	unset CRONIUM_JOIN_TOKEN # no program that is started here inherits it
	case $token_file in
	'') ;;
	-) IFS= read -r token || [ -n "$token" ] || fail "standard input holds no token" ;;
	*)
		[ -r "$token_file" ] || fail "$token_file cannot be read"
		IFS= read -r token <"$token_file" || [ -n "$token" ] || fail "$token_file is empty"
		;;
	esac
}

install_agent() {
	platform
	[ -n "$url" ] || fail "the hub's URL is not known" "Give it with --url."
	url=${url%/}
	if [ -n "$user" ] && [ -z "$destdir" ]; then
		id "$user" >/dev/null 2>&1 || fail "there is no user $user" "Make it first: useradd --system $user"
	fi
	read_token
	enrolled=no
	if as_root test -e "$data/agent.json"; then enrolled=yes; fi
	[ $enrolled = yes ] || [ -n "$token" ] || fail "there is no join token" "Make one with: cronium hosts add"
	[ $enrolled = yes ] || [ -n "$hub" ] || fail "the hub's address for agents is not known" "Give it with --hub HOST:PORT."

	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 130' INT TERM
	fetch "$url/downloads/VERSION" "$tmp/VERSION"
	fetch "$url/downloads/SHA256SUMS" "$tmp/SHA256SUMS"
	IFS= read -r version <"$tmp/VERSION" || [ -n "$version" ]
	case $version in
	'' | .* | *[!A-Za-z0-9._+-]*) fail "the hub's version '$version' is no version" ;;
	esac
	say "Downloading cronium-agent $version for linux/$arch from $url"
	download "cronium-agent-linux-$arch"
	download "cronium-runner-linux-$arch"

	as_root mkdir -p "$lib/$version" "$bin" "$etc"
	place "$tmp/cronium-runner-linux-$arch" "$lib/$version/cronium-runner" 755
	place "$tmp/cronium-agent-linux-$arch" "$lib/$version/cronium-agent" 755
	"$lib/$version/cronium-agent" --version >/dev/null 2>&1 || fail "$lib/$version/cronium-agent does not run here" "Is $lib on a file system that is mounted noexec?"
	as_root ln -sf "../lib/cronium/$version/cronium-agent" "$bin/.cronium-agent.new"
	as_root mv -f "$bin/.cronium-agent.new" "$bin/cronium-agent"
	if ! as_root test -e "$etc/agent.env"; then
		{
			say "# Environment of cronium-agent.service; what there is: cronium-agent run --help"
			say "CRONIUM_DATA_DIR=$data_dir"
			say "#CRONIUM_SLOTS=16"
			say "#CRONIUM_RUN_AS=nobody"
			say "#CRONIUM_DOCKER=auto"
		} >"$tmp/agent.env"
		place "$tmp/agent.env" "$etc/agent.env" 644
	fi

	if [ $enrolled = no ]; then
		as_root mkdir -p "$data"
		as_root chmod 700 "$data"
		set -- enrol --hub "$hub" --token-file - --data-dir "$data"
		[ -z "$name" ] || set -- "$@" --name "$name"
		# By a pipe: not in a list of arguments, and in no file.
		printf '%s\n' "$token" | as_root "$bin/cronium-agent" "$@" >"$tmp/said" || exit 1
		sed -n 1p "$tmp/said"
	else
		say "This host is enrolled already."
	fi
	token=
	if [ -n "$user" ] && [ -z "$destdir" ]; then as_root chown -R "$user" "$data"; fi
	start_agent
}

start_agent() {
	set -- service install --data-dir "$data_dir"
	[ -z "$user" ] || set -- "$@" --user "$user"
	if [ -n "$destdir" ]; then
		"$bin/cronium-agent" "$@" --root "$destdir"
		say "Installed below $destdir. Start it with: $bin/cronium-agent run --data-dir $data"
		return
	fi
	if ! has_systemd; then
		say "There is no systemd here. Start the agent from whatever starts programs on this host, as"
		say "  while :; do $bin/cronium-agent run --data-dir $data; sleep 5; done"
		return
	fi
	[ "$start" = yes ] || set -- "$@" --no-start
	as_root "$bin/cronium-agent" "$@"
	[ "$start" = yes ] || return 0
	for old in "$lib"/*; do
		[ "$old" = "$lib/$version" ] || as_root rm -rf "$old"
	done
	tries=0
	until as_root "$bin/cronium-agent" status --data-dir "$data" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 30 ] || fail "the agent does not connect to $hub" "Look at: journalctl -u cronium-agent"
		sleep 1
	done
	say "The agent is connected."
}

# remove PATH… removes what there is of them.
remove() {
	for path in "$@"; do
		if as_root test -e "$path" || as_root test -L "$path"; then as_root rm -rf "$path"; fi
	done
}

uninstall_agent() {
	unit=$destdir/etc/systemd/system/cronium-agent.service
	say "This removes the agent of this host:"
	found=no
	for path in "$bin/cronium-agent" "$lib" "$etc/agent.env" "$unit" "$data"; do
		if as_root test -e "$path" || as_root test -L "$path"; then
			say "  $path"
			found=yes
		fi
	done
	if [ $found = no ]; then
		say "  nothing: there is none"
		return
	fi
	if [ "$yes" = no ]; then
		# Standard input is this script when it comes through a pipe.
		(: </dev/tty) 2>/dev/null || fail "nobody can be asked" "Say --yes."
		printf 'Go on? [y/N] ' >/dev/tty
		IFS= read -r answer </dev/tty || answer=
		case $answer in
		y | Y | yes) ;;
		*) fail "nothing was removed" ;;
		esac
	fi
	agent=$bin/cronium-agent
	host=
	if [ -x "$agent" ] && as_root test -e "$data/agent.json"; then
		status=$(as_root "$agent" status --json --data-dir "$data" 2>/dev/null || :)
		host=$(printf '%s' "$status" | sed -n 's/^ *"name": *"\([^"]*\)".*/\1/p')
		pid=$(printf '%s' "$status" | sed -n 's/^ *"pid": *\([0-9]*\).*/\1/p')
		if [ -n "$pid" ]; then
			say "Waiting at most $wait s for running scripts"
			if ! as_root "$agent" drain --wait --timeout "${wait}s" --data-dir "$data"; then
				as_root "$agent" resume --data-dir "$data" || :
				fail "scripts still run, so nothing was removed" "Cancel them in the hub, or give them longer with --wait SECONDS."
			fi
		fi
	fi
	if has_systemd && [ -e "$unit" ]; then
		as_root "$agent" service uninstall
	elif [ -n "${pid:-}" ]; then
		as_root kill "$pid" || :
		tries=0
		while as_root kill -0 "$pid" 2>/dev/null && [ $tries -lt 30 ]; do
			tries=$((tries + 1))
			sleep 1
		done
	fi
	remove "$unit" "$bin/cronium-agent" "$lib" "$etc/agent.env" "$data"
	if [ -n "$destdir" ]; then
		(cd "$destdir" && rmdir -p usr/local/lib usr/local/bin etc/cronium etc/systemd/system "$(dirname "./$data_dir")" 2>/dev/null) || :
	else
		as_root rmdir "$etc" 2>/dev/null || :
	fi
	say "Removed."
	if [ -n "$host" ]; then say "The hub still lists the host; take it off with: cronium hosts rm $host"; fi
}

main() {
	url='@URL@'
	hub='@HUB@'
	token_file='' name='' user='' data_dir=/var/lib/cronium-agent start=yes action=install_agent wait=60 yes=no
	destdir=${DESTDIR:-}
	destdir=${destdir%/}
	uid=$(id -u)
	while [ $# -gt 0 ]; do
		case $1 in
		--hub | --url | --token-file | --name | --user | --data-dir | --wait)
			[ $# -ge 2 ] || fail "$1 needs a value" "See --help."
			case $1 in
			--hub) hub=$2 ;;
			--url) url=$2 ;;
			--token-file) token_file=$2 ;;
			--name) name=$2 ;;
			--user) user=$2 ;;
			--data-dir) data_dir=$2 ;;
			--wait) wait=$2 ;;
			esac
			shift
			;;
		--no-start) start=no ;;
		--uninstall) action=uninstall_agent ;;
		--yes) yes=yes ;;
		--help)
			usage
			exit 0
			;;
		*) fail "unknown option $1" "See --help." ;;
		esac
		shift
	done
	case $data_dir in
	/?*) ;;
	*) fail "--data-dir must be an absolute path, not '$data_dir'" ;;
	esac
	case $wait in
	'' | *[!0-9]*) fail "--wait must be a number of seconds, not '$wait'" ;;
	esac
	lib=$destdir/usr/local/lib/cronium bin=$destdir/usr/local/bin etc=$destdir/etc/cronium data=$destdir$data_dir
	if [ "$uid" != 0 ] && [ -z "$destdir" ]; then
		command -v sudo >/dev/null 2>&1 || fail "this needs root, and there is no sudo" "Run it as root."
	fi
	$action
}

main "$@"
