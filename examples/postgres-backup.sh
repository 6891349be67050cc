#!/usr/bin/env bash
# Dumps a PostgreSQL database and proves the dump: it is restored into a private
# throw-away server, and every table must have the rows and the checksum that the
# source had at the moment of the dump.
set -euo pipefail
export LC_ALL=C.UTF-8

url=${CRONIUM_INPUT_DATABASE_URL:-}
keep=${CRONIUM_INPUT_DIRECTORY:-}
rows=${CRONIUM_INPUT_ROWS:-2000}

fail() {
	echo "error: $*" >&2
	exit 1
}

bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
if [[ ! -x $bin/initdb ]] && command -v initdb >/dev/null; then
	bin=$(dirname "$(readlink -f "$(command -v initdb)")")
fi
[[ -x $bin/initdb && -x $bin/pg_dump ]] || fail "PostgreSQL is not installed; on Debian: apt-get install postgresql"
[[ -z $keep || (-d $keep && -w $keep) ]] || fail "$keep is not a directory that this user can write to"

# The server refuses to run as root, and its socket's path must be short.
drop=()
work=$PWD
if ((EUID == 0)); then
	account=nobody
	id -u postgres >/dev/null 2>&1 && account=postgres
	drop=(setpriv --reuid "$account" --regid "$(id -g "$account")" --clear-groups --)
	work=/tmp
elif ! id -un >/dev/null 2>&1; then
	# initdb asks for the name of its user, and one that exists for this run alone has
	# none. In a user namespace it is nobody.
	drop=(unshare --user --map-user 65534 --map-group 65534 --)
	"${drop[@]}" true 2>/dev/null || fail "initdb needs a user with a name: start the agent with --run-as USER"
fi
((${#work} < 60)) || work=/tmp
work=$(mktemp -d "$work/postgres-backup.XXXXXX")
server=''
cleanup() {
	if [[ -n $server ]]; then
		kill -INT "$server" 2>/dev/null || true # fast shutdown
		wait "$server" 2>/dev/null || true
	fi
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
((EUID != 0)) || chown "$account" "$work"

# The other user may not enter the caller's directory, and needs no environment.
as=("${drop[@]}" env -i PATH="$PATH" LC_ALL=C.UTF-8 HOME="$work")

echo "Starting a private PostgreSQL ($("$bin/postgres" --version)) in $work"
(cd "$work" && exec "${as[@]}" "$bin/initdb" -D "$work/data" -U cronium --auth trust --encoding UTF8 --locale C.UTF-8 --no-sync) >"$work/initdb.log" 2>&1 ||
	{ cat "$work/initdb.log" >&2; fail "initdb did not succeed"; }
(cd "$work" && exec "${as[@]}" "$bin/postgres" -D "$work/data" -k "$work" -c listen_addresses= -c fsync=off -c full_page_writes=off \
	-c max_connections=20) >"$work/server.log" 2>&1 &
server=$!
for ((i = 0; ; i++)); do
	"$bin/pg_isready" -q -h "$work" -U cronium -d postgres && break
	kill -0 "$server" 2>/dev/null || { cat "$work/server.log" >&2; fail "the server has stopped"; }
	((i < 300)) || fail "the server is not ready after 30 s"
	sleep 0.1
done

# Values look the same in both servers, so that their checksums can be compared.
export PGOPTIONS='-c datestyle=iso -c timezone=UTC -c extra_float_digits=3 -c bytea_output=hex -c intervalstyle=postgres -c statement_timeout=0'
export PGCONNECT_TIMEOUT=10
psql=("$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1)
private="host=$work user=cronium"

if [[ -z $url ]]; then
	source="$private dbname=shop"
	"${psql[@]}" "$private dbname=postgres" -c 'create database shop'
	"${psql[@]}" "$source" -v rows="$rows" <<'SQL'
create table customers (id bigint primary key, name text not null, since date not null, note bytea);
create table orders (
    id bigint generated always as identity primary key,
    customer bigint not null references customers (id),
    placed timestamptz not null,
    total numeric(12, 2) not null check (total >= 0),
    lines jsonb not null
);
create index orders_placed on orders (placed);
create view big_orders as select * from orders where total > 400;
insert into customers
select i, 'Customer ' || i || ' Ærø', date '2020-01-01' + (i % 2000)::int, sha256(i::text::bytea)
from generate_series(1, :rows) i;
insert into orders (customer, placed, total, lines)
select 1 + (i * 7919) % :rows, timestamptz '2026-01-01 00:00Z' + i * interval '97 seconds', (i * 31 % 50000) / 100.0,
    jsonb_build_array(jsonb_build_object('sku', 'A' || i % 97, 'n', 1 + i % 5))
from generate_series(1, :rows * 3) i;
analyze;
SQL
else
	# A password in an argument could be seen by others on this host.
	if [[ $url =~ ^(postgres(ql)?://[^:/@]+):([^@]*)@(.*)$ ]]; then
		secret=${BASH_REMATCH[3]} url="${BASH_REMATCH[1]}@${BASH_REMATCH[4]}"
		PGPASSWORD=$(printf '%b' "${secret//%/\\x}")
		export PGPASSWORD
	fi
	source=$url
fi

# One row per table: its name, its rows, and the sum of a hash of every row.
sums=$(
	cat <<'SQL'
select format('select %L, count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) from only %I.%I t', n.nspname || '.' || c.relname, n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by n.nspname collate "C", c.relname collate "C"
\gexec
SQL
)

# The dump and the sums of the source are taken in one snapshot, so that people may
# go on writing meanwhile.
coproc SESSION { exec "${psql[@]}" "$source" 2>"$work/session.log"; }
session=$SESSION_PID
{ exec {to}>&"${SESSION[1]}" {from}<&"${SESSION[0]}"; } 2>/dev/null || fail "psql could not be started"
printf '%s\n' 'begin transaction isolation level repeatable read read only;' 'select pg_export_snapshot();' >&"$to"
snapshot=''
IFS= read -r -t 60 snapshot <&"$from" || true
[[ -n $snapshot ]] || { cat "$work/session.log" >&2; fail "the database cannot be read"; }

dump=$work/backup.dump
"$bin/pg_dump" --format custom --snapshot "$snapshot" --file "$dump" --dbname "$source"
printf '%s\n' "$sums" 'commit;' '\echo done' >&"$to"
while IFS= read -r -t 600 line <&"$from" && [[ $line != 'done' ]]; do
	printf '%s\n' "$line"
done >"$work/before"
exec {to}>&- {from}<&-
eval "exec ${SESSION[1]:-9}>&-" 2>/dev/null || true
wait "$session" || { cat "$work/session.log" >&2; fail "the sums of the source could not be computed"; }
[[ ${line:-} == 'done' ]] || fail "the sums of the source could not be read"

unset PGPASSWORD
"${psql[@]}" "$private dbname=postgres" -c 'create database restored template template0'
"$bin/pg_restore" --exit-on-error --no-owner --no-privileges --dbname "$private dbname=restored" "$dump"
printf '%s\n' "$sums" | "${psql[@]}" "$private dbname=restored" >"$work/after"

if ! cmp -s "$work/before" "$work/after"; then
	diff "$work/before" "$work/after" >&2 || true
	fail "the restored database differs from its source"
fi
tables=$(wc -l <"$work/before")
total=$(awk -F '|' '{ n += $2 } END { print n + 0 }' "$work/before")
((tables > 0)) || fail "the database has no tables"
printf '%-40s %12s\n' TABLE ROWS
awk -F '|' '{ printf "%-40s %12d\n", $1, $2 }' "$work/before"

size=$(stat -c %s "$dump")
if [[ -n $keep ]]; then
	kept=$keep/backup-$(date -u +%Y%m%dT%H%M%SZ).dump
	cp "$dump" "$kept.partial"
	mv "$kept.partial" "$kept"
	echo "Kept as $kept"
fi
echo "$tables tables with $total rows: dump of $size bytes restored and equal"
