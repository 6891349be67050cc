#!/usr/bin/env bash
# Prints numbered lines at a steady pace, some of them to standard error, and says
# at the end how far it was behind its plan.
set -euo pipefail
export LC_ALL=C

lines=${CRONIUM_INPUT_LINES:-150}
pause=${CRONIUM_INPUT_PAUSE_MS:-200}

now() { printf '%s' "${EPOCHREALTIME/./}"; } # microseconds since 1970

began=$(now)
for ((i = 1; i <= lines; i++)); do
	elapsed=$((($(now) - began) / 1000))
	if ((i % 50 == 0)); then
		printf 'beat %d of %d, %d ms, load %s\n' "$i" "$lines" "$elapsed" "$(cut -d ' ' -f 1 /proc/loadavg)" >&2
	else
		printf '\e[3%dmbeat %d\e[0m of %d, %d ms\n' "$((i % 6 + 1))" "$i" "$lines" "$elapsed"
	fi
	# The plan counts from the beginning, so that small delays do not add up.
	wait=$((began + i * pause * 1000 - $(now)))
	if ((i < lines && wait > 0)); then
		sleep "$(printf '%d.%06d' $((wait / 1000000)) $((wait % 1000000)))"
	fi
done
took=$((($(now) - began) / 1000))
planned=$(((lines - 1) * pause))
echo "$lines beats in $took ms, planned $planned ms"
((took >= planned - 50))
