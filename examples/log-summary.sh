#!/usr/bin/env bash
# Sizes, lines and words of trouble in a directory of logs.
set -euo pipefail
export LC_ALL=C

directory=${CRONIUM_INPUT_DIRECTORY:-/var/log}
words=${CRONIUM_INPUT_WORDS:-error|fail(ed|ure)?|fatal|panic|denied}
max_files=${CRONIUM_INPUT_MAX_FILES:-200}

if [[ ! -d $directory || ! -r $directory ]]; then
	echo "$directory is not a directory that this user can read" >&2
	exit 1
fi
# A pattern that grep does not understand would count as "no trouble".
status=0
grep -qE -- "$words" </dev/null 2>/dev/null || status=$?
if ((status > 1)); then
	echo "words is not an extended regular expression: $words" >&2
	exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Unreadable directories are skipped by find and counted by nobody else.
find "$directory" -xdev -type f -printf '%s\t%p\0' 2>"$work/skipped" >"$work/found" || true
sort -z -rn "$work/found" >"$work/sorted"

files=0 bytes=0 unreadable=0 binary=0 lines=0 hits=0
: >"$work/rows"
while IFS= read -r -d '' entry; do
	size=${entry%%$'\t'*} file=${entry#*$'\t'}
	files=$((files + 1)) bytes=$((bytes + size))
	((files > max_files)) && continue
	if [[ ! -r $file ]]; then
		unreadable=$((unreadable + 1))
		continue
	fi
	case $file in
	*.gz) read=(gzip -cdq -- "$file") ;;
	*.xz | *.bz2 | *.zst | *.journal | *.journal~ | */wtmp* | */btmp* | */lastlog | */faillog)
		binary=$((binary + 1))
		continue
		;;
	*) read=(cat -- "$file") ;;
	esac
	# One pass, bounded: a log may grow while it is read. A file that vanishes
	# meanwhile (rotation) counts as empty.
	counts=$("${read[@]}" 2>/dev/null | head -c 67108864 | awk -v IGNORECASE=1 -v words="$words" '
		BEGIN { words = tolower(words) }
		{ n++ }
		tolower($0) ~ words { hit++ }
		END { printf "%d %d", n, hit }' 2>/dev/null || true)
	read -r n hit <<<"${counts:-0 0}"
	lines=$((lines + n)) hits=$((hits + hit))
	printf '%d\t%d\t%d\t%s\n' "$hit" "$n" "$size" "$(printf '%q' "$file")" >>"$work/rows"
done <"$work/sorted"

read_files=$(wc -l <"$work/rows")
if ((read_files > 0)); then
	printf '%8s %10s %12s  %s\n' TROUBLE LINES BYTES FILE
	sort -rn "$work/rows" | head -n 15 | while IFS=$'\t' read -r hit n size file; do
		printf '%8d %10d %12d  %s\n' "$hit" "$n" "$size" "$file"
	done
fi

# The sums are checked against a second count.
again=$(awk -F '\t' '{ h += $1; l += $2 } END { printf "%d %d", h, l }' "$work/rows")
if [[ $again != "$hits $lines" ]]; then
	echo "the sums differ: $again against $hits $lines" >&2
	exit 1
fi
found=$(tr -cd '\0' <"$work/found" | wc -c)
if ((found != files)); then
	echo "found $found files but looked at $files" >&2
	exit 1
fi

echo "$files files of $bytes bytes in $directory: read $read_files ($lines lines, $hits of trouble)," \
	"$unreadable unreadable, $binary binary, $(wc -l <"$work/skipped") directories skipped"
