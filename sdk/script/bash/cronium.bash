# What a script and its run say to each other; the page on scripts explains it.
# Every start of bash in a run reads this file: keep it short. Nothing here depends on
# the options that a script sets, and nothing is set but functions.

cronium() {
  local IFS=' ' command=${1-}
  [[ $# -eq 0 ]] || shift
  case $command/$# in
    input/[12]) _cronium_call --member="$1" ${2+"--default=$2"} input.all ;;
    inputs/0) _cronium_call input.all ;;
    output/[12]) _cronium_value output.set -- "$@" ;;
    output-update/[23]) _cronium_value output.update "key=$1" -- "${@:2}" ;;
    get/[12]) _cronium_call ${2+"--default=$2"} variable.get "name=$1" ;;
    set/[23]) _cronium_value variable.set "name=$1" -- "${@:2}" ;;
    cas/3) _cronium_yes variable.compare_and_set "name=$1" "old:=$2" "new:=$3" ;;
    increment/[12]) _cronium_call variable.increment "name=$1" "by:=${2-1}" ;;
    secret/1) _cronium_call secret.get "name=$1" ;;
    condition/1) _cronium_call condition.set "value:=$1" ;;
    progress/0 | log/[01]) _cronium_usage ;;
    progress/1) _cronium_call progress.set "fraction:=$1" text= ;;
    progress/*) _cronium_call progress.set "fraction:=$1" "text=${*:2}" ;;
    log/*) _cronium_call log "level=$1" "message=${*:2}" ;;
    run/1)
      case $1 in
        run_id | attempt | project | job | job_version | timeout_seconds | workspace) _cronium_call --member="$1" run.facts ;;
        *) _cronium_usage ;;
      esac
      ;;
    artifact/*) _cronium_artifact "$@" ;;
    keep-alive/0) _cronium_call keep_alive ;;
    --help/* | -h/* | help/*) _cronium_help ;;
    *) _cronium_usage ;;
  esac
}

# _cronium_call FLAG… CALL ARG… makes a call and prints what comes of it.
_cronium_call() {
  if [[ -z ${CRONIUM_SOCKET-} || -z ${CRONIUM_RUNNER-} ]]; then
    printf 'error: not_in_a_run: %s is not set\nhint: Call it from the script of a run, which has CRONIUM_SOCKET in its environment.\n' \
      "$([[ -n ${CRONIUM_SOCKET-} ]] && echo CRONIUM_RUNNER || echo CRONIUM_SOCKET)" >&2
    return 1
  fi
  "$CRONIUM_RUNNER" call --raw "$@"
}

# _cronium_artifact put|get|list … moves files between the script and the hub.
_cronium_artifact() {
  case ${1-}/$# in
    put/3) _cronium_call artifact.put "name=$2" "file=$3" ;;
    get/[34]) _cronium_call artifact.get "name=$2" "file=$3" ${4+"run=$4"} ;;
    list/[12]) _cronium_call artifact.list ${2+"run=$2"} ;;
    *) _cronium_usage ;;
  esac
}

# _cronium_value CALL [ARG] -- JSON | - | --string TEXT passes a value, by stdin if it
# is too long for an argument, which Linux ends at 128 KiB.
_cronium_value() {
  local call=("$1") json=-json how=':='
  shift
  while [[ $1 != -- ]]; do call+=("$1"); shift; done
  shift
  if [[ $# -eq 2 ]]; then
    [[ $1 == --string ]] || { _cronium_usage; return; }
    json='' how='='
    shift
  elif [[ $1 == - ]]; then
    _cronium_call --stdin-json=value "${call[@]}"
    return
  fi
  if [[ ${#1} -lt 30000 ]]; then # characters of up to four bytes
    _cronium_call "${call[@]}" "value$how$1"
  else
    printf %s "$1" | _cronium_call "--stdin$json=value" "${call[@]}"
  fi
}

# _cronium_yes CALL ARG… prints true and succeeds, or prints false and returns 3.
_cronium_yes() {
  local answer
  answer=$(_cronium_call "$@") || return
  printf '%s\n' "$answer"
  [[ $answer == true ]] || return 3
}

_cronium_usage() {
  printf 'error: this is no call of cronium\nhint: cronium --help lists them.\n' >&2
  return 2
}

_cronium_help() {
  printf '%s\n' 'cronium talks to the run of this script.

  cronium input NAME [DEFAULT]            an input of the run
  cronium inputs                          all of them, as a JSON object
  cronium output VALUE                    makes VALUE the output of the run
  cronium output-update KEY VALUE         sets one member of the output
  cronium get NAME [DEFAULT]              a variable of the project
  cronium set NAME VALUE                  sets one
  cronium cas NAME OLD NEW                sets one if it is OLD (null: if there is none); both are JSON
  cronium increment NAME [BY]             adds to one and prints the new number
  cronium secret NAME                     a secret of the project, masked in the log from then on
  cronium artifact put NAME FILE          keeps a file as an artifact of the run
  cronium artifact get NAME FILE [RUN]    writes one to a file, of this run or of RUN
  cronium artifact list [RUN]             all of them, as a JSON list
  cronium condition true|false            the condition of the run
  cronium progress FRACTION|null [TEXT]   how far the run is, from 0 to 1
  cronium log debug|info|warn|error TEXT  a line in the log of the run
  cronium run FIELD                       run_id, attempt, project, job, job_version, timeout_seconds, workspace
  cronium keep-alive                      says that the script is alive

VALUE is JSON, - for JSON on standard input, or --string TEXT.
Prints strings as they are, null as nothing, everything else as JSON.
Returns 0; 1 if the call failed; 2 if it was written wrongly; 3 if `cas` found another value.'
}

# The BASH_ENV of the job, expanded as bash would have done.
if [[ -n ${CRONIUM_BASH_ENV-} ]]; then
  case $CRONIUM_BASH_ENV in
    *[\$\`\\]*)
      eval "IFS= read -r -d '' _cronium_theirs <<_CRONIUM_END_
$CRONIUM_BASH_ENV
_CRONIUM_END_" || :
      _cronium_theirs=${_cronium_theirs%$'\n'}
      ;;
    *) _cronium_theirs=$CRONIUM_BASH_ENV ;;
  esac
  if [[ -r $_cronium_theirs ]]; then
    . "$_cronium_theirs"
  fi
  unset _cronium_theirs
fi
