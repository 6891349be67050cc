set -euo pipefail
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

step() {
  local out status=0
  out=$("$@" 2>"$errors") || status=$?
  printf '%s\0' "$status" "$out" "$(cat "$errors")"
}

text=$'ünï "quoted" \'single\' \\ back\nline\ttab $HOME `id` %s 🐘 \u2028 \u2029 \u0001 end'

step cronium run run_id

step cronium input count
step cronium input missing none
step cronium input missing
step cronium inputs

step cronium get missing
step cronium get missing none
for name in int zero safe beyond huge float large yes no empty text digits list object; do
  step cronium get "$name"
done

step cronium set x null
step cronium set x 42
step cronium set x 9007199254740993
step cronium set x 2.5
step cronium set x false
step cronium set x --string ''
step cronium set x --string "$text"
step cronium set x '[1, "two", null, [3.5, {"vier": -123456789012345678901234567890}], [], {}]'

step cronium cas leader null '"a"'
step cronium cas leader '"b"' '{"who": "c"}'

step cronium increment n
step cronium increment n -5
step cronium increment n 0.5
step cronium increment n 9007199254740993

step cronium secret token
step cronium secret absent

step cronium increment text
step cronium get ../x

step cronium output '{"rows": 3, "files": ["a.csv", "ü.csv"], "ratio": 0.1}'
step cronium output-update 'seen at' '[true, null]'
step cronium output --string plain
step cronium output-update k --string v

step cronium condition true
step cronium condition false
step cronium progress 0.5 half ✓
step cronium progress null
step cronium progress 1
step cronium log debug d
step cronium log info 'i "ü"
second line'
step cronium log warn w
step cronium log error e
step cronium keep-alive

printf 'näme,rows\n"a",3\n' >report.csv
: >empty
step cronium artifact put 'report ü.csv' report.csv
step cronium artifact put empty empty
step cronium artifact put ../x empty
step cronium artifact put damaged empty
step cronium artifact get theirs theirs.bin r_1
step cronium artifact put again theirs.bin
step cronium artifact get none none.bin
step cronium artifact list
step cronium artifact list r_1
