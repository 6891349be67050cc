#!/usr/bin/env bash
# Space and inodes of every real file system, largest use first.
set -euo pipefail
export LC_ALL=C

path=${CRONIUM_INPUT_PATH:-}
threshold=${CRONIUM_INPUT_THRESHOLD:-100}

# df fails when a single mount cannot be read (a dead network share, a directory
# of another user); what it prints about the others is still right.
where=()
[[ -n $path ]] && where=("$path")
space=$(df -PTk "${where[@]}" 2>/dev/null || true)
inodes=$(df -PTi "${where[@]}" 2>/dev/null || true)
if [[ $(wc -l <<<"$space") -lt 2 ]]; then
	echo "df reports nothing about ${path:-this host}" >&2
	exit 1
fi

# Columns of df: device, type, total, used, free, percent, mount point (which may
# hold spaces). Memory and image file systems say nothing about a disk.
report=$(
	awk -v one="$path" '
		FNR == 1 { next }
		one == "" && $2 ~ /^(tmpfs|devtmpfs|squashfs|proc|sysfs|cgroup2?|efivarfs|autofs)$/ { next }
		{
			mount = $7
			for (i = 8; i <= NF; i++) mount = mount " " $i
			percent = ($6 == "-") ? -1 : $6 + 0
		}
		NR == FNR { total[mount] = $3; used[mount] = $4; free[mount] = $5; full[mount] = percent; type[mount] = $2; next }
		mount in total { nodes[mount] = percent }
		END {
			for (m in total) {
				if (total[m] == 0) continue
				printf "%d\t%s\t%.1f\t%.1f\t%.1f\t%d\t%s\n", full[m], type[m], total[m] / 1048576, used[m] / 1048576, free[m] / 1048576, (m in nodes) ? nodes[m] : -1, m
			}
		}
	' <(printf '%s\n' "$space") <(printf '%s\n' "$inodes") | sort -rn
)
if [[ -z $report ]]; then
	echo "No disk file system is mounted; only memory file systems were found."
	exit 0
fi

over=0 count=0
printf '%-8s %10s %10s %10s %6s %7s  %s\n' TYPE 'SIZE GiB' 'USED GiB' 'FREE GiB' 'USED%' 'INODES%' MOUNT
while IFS=$'\t' read -r full type total used free nodes mount; do
	count=$((count + 1))
	mark=''
	if ((full > threshold || nodes > threshold)); then
		mark="  <- above $threshold%"
		over=$((over + 1))
	fi
	shown=$nodes
	((nodes < 0)) && shown=- # this file system does not count inodes
	printf '%-8s %10s %10s %10s %6s %7s  %s%s\n' "$type" "$total" "$used" "$free" "$full" "$shown" "$mount" "$mark"
done <<<"$report"

# The table is checked against a second source: the same file system by stat.
mount=${report##*$'\t'}
blocks=$(stat -f -c '%b %S' "$mount" 2>/dev/null || true)
if [[ -n $blocks ]]; then
	read -r number size <<<"$blocks"
	stated=$((number * size / 1024))
	seen=$(df -Pk "$mount" | awk 'NR == 2 { print $2 }')
	if ((stated != seen)); then
		echo "df says $seen KiB for $mount, stat says $stated KiB" >&2
		exit 1
	fi
fi

echo "$count file systems, $over above $threshold%"
((over == 0))
