#!/usr/bin/env bash
# A fleet on this machine: a server, three devices, a release that reaches all of them, one that fails in use and is taken
# back, one that a device refuses. docs/fleet_demo.md says what is to be seen.
#   scripts/fleet_demo.sh [--keep]      --keep: the fleet goes on until Ctrl-C, to look at the dashboard
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

keep=false
case ${1:-} in
  '') ;;
  --keep) keep=true ;;
  *) echo "usage: scripts/fleet_demo.sh [--keep]" >&2; exit 2 ;;
esac

build=$root/build/release
folder=$root/build/fleet_demo
pictures=/usr/share/datasets/fashion-mnist
devices=(camera-1 camera-2 camera-3)
steps=8

# --- telling the story

step() { printf '\n== [%s of %s, %d s] %s\n' "$1" "$steps" "$SECONDS" "$2"; }
say() { printf '%s\n' "$*" | fold -s -w 110; }
# Runs a command after showing it.
show() { printf '$ %s\n' "$*"; "$@"; }
# The same for one that is to fail: its last line is part of the story.
show_failing() {
  printf '$ %s\n' "$*"
  if "$@" 2>&1; then fail "this was to fail"; fi
}
fail() { echo "fleet_demo.sh: $*; the logs are in $folder" >&2; exit 1; }
whet() { "$build/whet" "$@"; }

# --- processes, ended with this script

processes=()
clean_up() {
  trap '' INT TERM
  local process
  for process in "${processes[@]}"; do kill "$process" 2>/dev/null || true; done
  for process in "${processes[@]}"; do wait "$process" 2>/dev/null || true; done
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Each line with the time at which it came.
stamped() { while IFS= read -r line; do printf '%s %s\n' "$EPOCHREALTIME" "$line"; done; }
# In the background: start LOG COMMAND…
start() {
  local log=$1; shift
  "$@" > >(trap '' INT; stamped >"$log") 2>&1 &
  processes+=($!)
}

# Waits for a command to succeed: eventually SECONDS WHAT COMMAND…
eventually() {
  local end=$((SECONDS + $1)) what=$2; shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || fail "waited in vain for $what"
    sleep 0.1
  done
}

# What a device's agent and application have said since the last time.
declare -A told=()
news() {
  local device=$1 who log lines
  for who in agent application; do
    log=$device/$who.log
    lines=$(wc -l <"$log")
    tail -n "+$((${told[$log]:-0} + 1))" "$log" | head -n "$((lines - ${told[$log]:-0}))" |
      sed -E "s/^[0-9.]+ (whet-agent: )?/  $device, its $who: /"
    told[$log]=$lines
  done
}
# When a line first appeared, in seconds since 1970.
when() { grep -m1 -F -- "$2" "$1" | cut -d' ' -f1; }
milliseconds() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.0f", (b - a) * 1000 }'; }

# --- what a device is made of

runs() { whet agent --config "$1/agent.json" status 2>/dev/null | grep -q "^fashion: $2 (.*steady"; }
makes_answers() { grep -q "answers with $2" "$1/application.log"; }

make_device() {
  local device=$1
  mkdir -p "$device"
  cat >"$device/agent.json" <<JSON
{
  "device": "$device", "channel": "stable", "families": ["fashion"],
  "repository": "$WHET_SERVER/repo", "root": "$folder/server/repo/metadata/1.root.json",
  "state_folder": "$folder/$device/state", "socket": "$device/agent.sock",
  "poll_s": 1, "self_test": {"runs": 10},
  "trial": {"min_inferences": 40},
  "telemetry": {"url": "$WHET_SERVER/v1/metrics", "token_file": "$folder/server/device.token", "interval_s": 1}
}
JSON
  start "$device/agent.log" "$build/whet-agent" --config "$device/agent.json"
  eventually 10 "$device's agent" test -S "$device/agent.sock"
  start "$device/application.log" ./application "$device/agent.sock" fashion pictures labels 50
}

# Signed by the release key, published with the online key: release VERSION MODEL [OPTION…]
release() {
  local version=$1 model=$2; shift 2
  show whet pack "$model" --family fashion --version "$version" -o "release-$version" --golden "$pictures" --golden-count 4 "$@"
  show whet sign "release-$version" --repo server/repo --key server/keys/release.key
  show whet publish "release-$version" --repo server/repo --key server/keys/online.key
}

# --- the demo

step 1 "Building whet, whet-agent and the application that uses the models"
scripts/setup.sh build fetch fleet-demo
make --no-print-directory configure
cmake --build "$build" --target whet whet-agent whet-agent-worker whet_shared whet_agent_shared
timeout 180 scripts/build_web.sh </dev/null >build/fleet_demo_web.log 2>&1 ||
  echo "The dashboard was not built (npm's registry is needed once; see build/fleet_demo_web.log); the demo goes on without it."
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
show c++ -std=c++17 -O2 -I"$root/include" "$root/examples/agent_application/agent_application.cc" -o application \
  -L"$build" -lwhet -lwhet-agent -pthread -Wl,-rpath,"$build"
gzip -dc "$pictures/t10k-images-idx3-ubyte.gz" >pictures
gzip -dc "$pictures/t10k-labels-idx1-ubyte.gz" >labels

SECONDS=0
step 2 "A server: repository, keys and tokens of its own"
say "\$ whet serve --demo --data server --listen 127.0.0.1:0 --gate-interval 1 &"
start server.log "$build/whet" serve --demo --data server --listen 127.0.0.1:0 --gate-interval 1
eventually 20 "the server" grep -q "serving at" server.log
WHET_SERVER=$(sed -n 's/.*serving at //p' server.log)
WHET_TOKEN=$(cat server/releaser.token)
WHET_PASSPHRASE=$(cat server/passphrase)
export WHET_SERVER WHET_TOKEN WHET_PASSPHRASE
say "It listens at $WHET_SERVER. Devices need only the files in server/repo, which are signed; the dashboard is at the same" \
  "address, for the token in $folder/server/releaser.token."

step 3 "Release 1.0.0 of a model: what is on a picture of clothing"
show whet import "$root/models/fashion_mnist/mobile.onnx" -o 1.0.0.whet
show whet tuf delegate models.fashion --repo server/repo --signer server/keys/release.key --keys server/keys
release 1.0.0 1.0.0.whet --latency-ms-mean 50 --drift-data "$pictures"
show whet rollout set --channel stable --family fashion --version 1.0.0 --trial 3

step 4 "Three devices, each an agent and an application that answers 50 pictures per second"
for device in "${devices[@]}"; do make_device "$device"; done
for device in "${devices[@]}"; do
  eventually 60 "$device to have 1.0.0" runs "$device" 1.0.0
  eventually 20 "$device's application" makes_answers "$device" 1.0.0
done
news camera-1
for device in camera-2 camera-3; do news "$device" >/dev/null; done
say "The others say the same. What the server has heard of them:"
eventually 20 "the server to hear of all" bash -c "'$build/whet' fleet devices --version 1.0.0 --health healthy | grep -q '^3 devices'"
show whet fleet devices

step 5 "Release 1.1.0, the same model in INT8: a third of the bytes"
printf '$ %s\n' "whet quantize 1.0.0.whet -o 1.1.0.whet --data $pictures --samples 64 --seconds 0"
whet quantize 1.0.0.whet -o 1.1.0.whet --data "$pictures" --samples 64 --seconds 0 >quantize.log
release 1.1.0 1.1.0.whet --latency-ms-mean 50 --drift-data "$pictures"
cat >policy.json <<'JSON'
{"stages": [10, 50, 100], "dwell_s": 8, "silence_s": 4, "accept_after_s": 8, "trial_s": 3, "latency_p95": 1.0, "accuracy": 0.05}
JSON
say "The policy has seconds where a real one has hours:"
show cat policy.json
say "An id draws the devices of each stage; these ids draw one device at 10 %, two at 50 %. The gate compares them with" \
  "those whose turn it is not."
show whet rollout create --channel stable --family fashion --candidate 1.1.0 --policy policy.json --id fashion-1-1-0-a65 --watch
show whet rollout status fashion
show whet fleet status
for device in "${devices[@]}"; do news "$device" >/dev/null; done

step 6 "Release 1.2.0: exported again, and its output is called otherwise"
say "Its golden answers are right, so it will pass its self-test on the device. But the applications look for an output 'scores'."
show whet import 1.1.0.whet -o 1.2.0.whet --rename scores=probabilities
release 1.2.0 1.2.0.whet --latency-ms-mean 50 --drift-data "$pictures"
begin=$EPOCHREALTIME
show_failing whet rollout create --channel stable --family fashion --candidate 1.2.0 --policy policy.json --id fashion-1-2-0-a63 --watch
end=$EPOCHREALTIME
for device in "${devices[@]}"; do news "$device"; done
say "At the 20th failure in its trial camera-2 took 1.1.0 back: $(milliseconds "$(when camera-2/application.log 'cannot use 1.2.0')" "$(when camera-2/application.log 'as before')") ms" \
  "after its application first saw 1.2.0. The application never stopped answering. The whole rollout was taken back" \
  "$(milliseconds "$begin" "$end") ms after it began, and two of three devices have never seen 1.2.0."
show whet rollout status fashion

step 7 "Release 1.3.0: larger, and it promises a latency that it does not keep"
show whet import "$root/models/fashion_mnist/residual.onnx" -o 1.3.0.whet
release 1.3.0 1.3.0.whet --latency-ms-mean 0.01
show_failing whet rollout create --channel stable --family fashion --candidate 1.3.0 --policy policy.json --id fashion-1-3-0-b28 --watch
for device in "${devices[@]}"; do news "$device"; done
say "The device measured it before any application saw it."

step 8 "What is left: every device on 1.1.0, and a record of who did what"
show whet fleet devices
show whet rollout list
for device in "${devices[@]}"; do runs "$device" 1.1.0 || fail "$device does not run 1.1.0"; done

printf '\n'
say "The demo took $SECONDS s after the build. Logs, configurations and the repository: $folder"
if $keep; then
  cat <<EOT
The fleet goes on until Ctrl-C. Its dashboard, and the token that it asks for:
  $WHET_SERVER/
  $WHET_TOKEN
Commands in another shell reach it with
  export WHET_SERVER=$WHET_SERVER WHET_TOKEN=$WHET_TOKEN
  $build/whet fleet devices
EOT
  while kill -0 "${processes[0]}" 2>/dev/null; do sleep 1; done
  fail "the server has ended"
fi
say "To look at it in the dashboard: scripts/fleet_demo.sh --keep"
