#!/usr/bin/env bash
# A whole fleet on this machine, with the programs as they are installed: keys and a repository, a server, three agents, an
# application on each. A good release reaches all of them, by deltas alone; one that fails in use is taken back; server and
# agents are killed in between.
#   fleet.sh BUILD
set -euo pipefail
build=$(realpath "$1")
source=$(realpath "$(dirname "$0")/../..")
pictures=/usr/share/datasets/fashion-mnist
. "$source/tests/end_to_end/processes.sh"
devices=(camera-1 camera-2 camera-3)
all_run() { local device; for device in "${devices[@]}"; do runs "$device" "$1" || return 1; done; }
# Its model is whole: the file's name is its hash.
is_whole() {
  local path hash
  path=$(agent_status "$1" | member 'it.families[0].path')
  hash=$(basename "$path" .whet)
  [[ $(sha256sum "$path" | cut -d' ' -f1) == "$hash" ]]
}
# How many answers of its application with a version the device's agent has counted, and how many the server has.
answers_at_agent() {
  node -e 'require("http").get({ socketPath: process.argv[1], path: "/metrics" }, (r) => r.pipe(process.stdout))' "$1/agent.sock" |
    sed -n "s/^whet_inference_latency_ms_count{.*version=\"$2\".*} //p"
}
answers_at_server() {
  node -e '
    const [device, version] = process.argv.slice(1);
    fetch(`${process.env.WHET_SERVER}/api/v1/devices/${device}`, { headers: { authorization: `Bearer ${process.env.WHET_TOKEN}` } })
      .then((r) => r.json())
      .then((it) => console.log(it.series.filter((p) => p.version === version).reduce((n, p) => n + p.count, 0)))' "$1" "$2"
}
agent_has() { (($(answers_at_agent "$1" "$2") >= $3)); }
server_has() { (($(answers_at_server "$1" "$2") >= $3)); }
# The application's last word: which version it answers with.
last_answers() { tail -n 1 "$1/application.log" | grep -q "answers with $2"; }
rollout() { whet rollout status "$1" --json | member "$2"; }
rollout_is() { [[ $(rollout "$1" 'it.state + " " + it.stage') == "$2" ]]; }

# --- keys, a repository, a server

export WHET_PASSPHRASE="correct horse"
mkdir -p keys online data
for name in root targets release; do whet key new keys/$name.key >/dev/null; done
whet key new online/online.key >/dev/null
printf '%s\n' "$WHET_PASSPHRASE" >passphrase
admin=(--keys keys --key online/online.key)
whet tuf create repo --root keys/root.key --targets keys/targets.key --online online/online.key "${admin[@]}" >/dev/null
whet tuf delegate models.fashion --repo repo --signer keys/release.key "${admin[@]}" >/dev/null
whet tuf delegate rollouts.stable --repo repo --signer online/online.key "${admin[@]}" >/dev/null
for role in viewer operator releaser device; do
  whet serve token create --role $role --name $role --data data >$role.token
done
start_server() {
  start server server.log "$build/whet" serve --data data --repo repo --keys online --passphrase-file passphrase \
    --listen "$1" --gate-interval 0.5
  eventually grep -q "serving at" server.log
}
start_server 127.0.0.1:0
WHET_SERVER=$(sed -n 's/^serving at //p' server.log)
WHET_TOKEN=$(cat releaser.token)
export WHET_SERVER WHET_TOKEN

# `whet pack`, sign and publish: publish VERSION MODEL [OPTION…]
publish() {
  local version=$1 model=$2; shift 2
  whet pack "$model" --family fashion --version "$version" -o "release-$version" --golden random:7 --golden-count 2 \
    --latency-ms-mean 1000 >/dev/null
  whet sign "release-$version" --repo repo --key keys/release.key >/dev/null
  whet publish "release-$version" --repo repo --key online/online.key "$@"
}
whet import "$source/models/fashion_mnist/mobile.onnx" -o 1.0.0.whet >/dev/null
publish 1.0.0 1.0.0.whet >/dev/null
refused "has no release of fashion yet" whet rollout create --channel stable --family fashion --candidate 1.0.0
refused "needs a token of the role releaser" whet rollout set --channel stable --family fashion --version 1.0.0 --token-file operator.token
whet rollout set --channel stable --family fashion --version 1.0.0 --trial 1 | grep -q "^stable *fashion *1.0.0"

# --- three devices

c++ -std=c++17 -O2 -I"$source/include" "$source/examples/agent_application/agent_application.cc" -o application \
  -L"$build" -lwhet -lwhet-agent -pthread -Wl,-rpath,"$build"
gzip -dc "$pictures/t10k-images-idx3-ubyte.gz" >pictures
gzip -dc "$pictures/t10k-labels-idx1-ubyte.gz" >labels
start_agent() { start "agent of $1" "$1/agent.log" "$build/whet-agent" --config "$1/agent.json"; }
for device in "${devices[@]}"; do
  mkdir "$device"
  cat >"$device/agent.json" <<JSON
{
  "device": "$device", "families": ["fashion"], "repository": "$WHET_SERVER/repo", "root": "repo/metadata/1.root.json",
  "state_folder": "$work/$device/state", "socket": "$device/agent.sock", "poll_s": 0.5, "self_test": {"runs": 3}, "trial": {"min_inferences": 40},
  "telemetry": {"url": "$WHET_SERVER/v1/metrics", "token_file": "device.token", "interval_s": 1}
}
JSON
  start_agent "$device"
  start "application of $device" "$device/application.log" ./application "$device/agent.sock" fashion pictures labels 25
done
eventually all_run 1.0.0
eventually bash -c "'$build/whet' fleet devices --health healthy --token-file viewer.token | grep -q '^3 devices'"

# --- a good release, of which the repository has lost all but the deltas

whet import 1.0.0.whet -o 1.1.0.whet --set author=me >/dev/null
publish 1.1.0 1.1.0.whet | grep -q "delta of f32" || fail "no delta was made"
mkdir lost
mv repo/targets/models/fashion/1.1.0/*.f32.whet lost
cat >policy.json <<'JSON'
{"stages": [10, 50, 100], "dwell_s": 5, "silence_s": 2, "accept_after_s": 5, "trial_s": 2, "latency_p95": 9, "accuracy": 0.5}
JSON
# By this id 10 % are camera-1 and 50 % are camera-1 and camera-3.
create=(whet rollout create --channel stable --family fashion --policy policy.json)
"${create[@]}" --candidate 1.1.0 --id fashion-1-1-0-a65 >/dev/null
refused "has not ended" "${create[@]}" --candidate 1.1.0
eventually runs camera-1 1.1.0
eventually rollout_is fashion "running 1"
whet rollout pause fashion --token-file operator.token --reason lunch >paused
grep -q "^paused, stage 2 of 3" paused || { cat paused >&2; fail "it is not paused at 50 %"; }
refused "needs a token of the role operator" whet rollout resume fashion --token-file viewer.token
eventually runs camera-3 1.1.0
runs camera-2 1.0.0 || fail "a device has the candidate whose turn it is not"

# The server is killed and comes back to what it has promised: the rollout, and every report that it took.
ends server KILL
before=$(answers_at_agent camera-2 1.0.0)
sleep 2
mv server.log server.before.log
start_server "${WHET_SERVER#http://}"
[[ $(rollout fashion 'it.state + " " + it.stage + " " + it.history.map((h) => h.action).join()') == "paused 1 create,advance,pause" ]] ||
  fail "the rollout is not what it was"
eventually server_has camera-2 1.0.0 "$((before + 1))"
eventually server_has camera-2 1.0.0 "$(answers_at_agent camera-2 1.0.0)"
taken=$(answers_at_server camera-2 1.0.0)
((taken <= $(answers_at_agent camera-2 1.0.0))) || fail "the server counts $taken answers, more than there were"
rollout_is fashion "paused 1" || fail "a paused rollout went on"
whet rollout resume fashion --token-file operator.token >/dev/null
whet rollout watch fashion >watched || { cat watched; fail "the good release did not arrive"; }
grep -q "done by gate" watched || fail "watch does not tell of the end"
eventually all_run 1.1.0
for device in "${devices[@]}"; do
  is_whole "$device" || fail "$device has a broken model"
  grep -q "fashion 1.1.0: fetched .* with a delta" "$device/agent.log" || fail "$device did not fetch a delta"
done
mv lost/*.f32.whet repo/targets/models/fashion/1.1.0
[[ $(whet rollout channels --json | member 'it.channels[0].version') == 1.1.0 ]] || fail "1.1.0 is not what the channel has"

# --- a release that passes its self-test and fails in use

whet import 1.1.0.whet -o 1.2.0.whet --rename scores=probabilities >/dev/null
publish 1.2.0 1.2.0.whet >/dev/null
refused "fashion 1.2.0 was rolled back" "${create[@]}" --candidate 1.2.0 --id fashion-1-2-0-a63 --watch
[[ $(rollout fashion 'it.state + " by " + it.history.at(-1).actor') == "rolled-back by gate" ]] || fail "the gate did not roll it back"
[[ $(rollout fashion 'it.gate.metrics.find((m) => m.verdict === "fail").name') == install_failures ]] || fail "for another reason"
eventually all_run 1.1.0
grep -q "cannot use 1.2.0" camera-2/application.log || fail "camera-2 has not seen 1.2.0"
agent_status camera-2 | member 'it.families[0].quarantine[0].reason' | grep -q "100 % of its inferences fail" || fail "no reason"
for device in camera-1 camera-3; do
  if grep -q "1.2.0" $device/agent.log; then fail "$device has seen 1.2.0"; fi
done
for device in "${devices[@]}"; do
  before=$(answers_at_agent "$device" 1.1.0)
  eventually agent_has "$device" 1.1.0 "$((before + 1))"
done

# --- an operator's rollback, and agents killed in the middle of updates

whet import "$source/models/fashion_mnist/residual.onnx" -o 1.3.0.whet >/dev/null
publish 1.3.0 1.3.0.whet --no-deltas >/dev/null
"${create[@]}" --candidate 1.3.0 --stages 100 >/dev/null
whet rollout pause fashion >/dev/null
for pause in 0.05 0.3 0.6; do
  sleep $pause
  for device in "${devices[@]}"; do
    ends "agent of $device" KILL
    start_agent "$device"
  done
done
eventually all_run 1.3.0
for device in "${devices[@]}"; do is_whole "$device" || fail "$device has a broken model"; done
whet rollout rollback fashion --token-file operator.token --reason "false alarms at night" >/dev/null
eventually all_run 1.1.0
for device in "${devices[@]}"; do
  is_whole "$device" || fail "$device has a broken model"
  eventually last_answers "$device" 1.1.0
done
[[ $(whet rollout list --json | member 'it.rollouts.map((r) => r.state).join()') == "rolled-back,rolled-back,done" ]] ||
  fail "the list of rollouts is another"
echo "fleet: a good release arrived, two were taken back ($SECONDS s)"
