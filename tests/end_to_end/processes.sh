# For tests that start the fleet's programs; sourced with the build folder in $build. Leaves the shell in an empty folder, which goes at the
# end with every process that `start` began.
work=$(mktemp -d)
cd "$work"
declare -A process=() # by what runs

clean_up() {
  local status=$? name
  for name in "${!process[@]}"; do kill -9 "${process[$name]}" 2>/dev/null || true; done
  wait 2>/dev/null || true
  if ((status != 0)); then tail -n 25 ./*.log ./*/*.log >&2 || true; fi
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() { echo "${0##*/}: line ${BASH_LINENO[0]}: $*" >&2; exit 1; }
whet() { "$build/whet" "$@"; }
# A command that must fail, with this in its message.
refused() {
  local wanted=$1; shift
  if "$@" >out 2>&1; then fail "was not refused: $*"; fi
  grep -q -- "$wanted" out || { cat out >&2; fail "does not say '$wanted': $*"; }
}
eventually() {
  local end=$((SECONDS + 60))
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || fail "waited in vain for: $*"
    sleep 0.1
  done
}
# In the background, as $name: start NAME LOG COMMAND…
start() {
  local name=$1 log=$2; shift 2
  "$@" >>"$log" 2>&1 &
  process[$name]=$!
}
# ends NAME SIGNAL
ends() {
  kill "-$2" "${process[$1]}"
  wait "${process[$1]}" 2>/dev/null || true
  unset "process[$1]"
}
# One member of the JSON on the standard input, by a JavaScript expression of `it`.
member() { node -e 'const it = JSON.parse(require("fs").readFileSync(0)); console.log(eval(process.argv[1]))' "$1"; }
agent_status() { "$build/whet-agent" --config "$1/agent.json" status --json; }
runs() { [[ $(agent_status "$1" | member 'it.families[0].version + " " + it.families[0].stage') == "$2 steady" ]]; }
