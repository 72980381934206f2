#!/usr/bin/env bash
# What the agent costs a device: bench/agent/footprint.sh [BUILD FOLDER]. Prints the stripped programs' sizes, and the
# daemon's resident memory at rest after polls of an unreachable repository, with the local API asked 100 times.
set -euo pipefail
build=${1:-$(dirname "$0")/../../build/release}
folder=$(mktemp -d)
pid=
trap '[[ -z $pid ]] || kill "$pid"; rm -rf "$folder"' EXIT

for program in whet-agent whet-agent-worker libwhet-agent.so; do
  strip -o "$folder/stripped" "$build/$program"
  echo "$program: $(stat -c %s "$folder/stripped") bytes stripped"
done

cat >"$folder/agent.json" <<JSON
{"device": "footprint", "families": ["detector"], "repository": "http://127.0.0.1:9/repo", "root": "$folder/root.json",
 "state_folder": "$folder/state", "socket": "$folder/agent.sock", "poll_s": 1,
 "telemetry": {"url": "http://127.0.0.1:9/v1/metrics", "interval_s": 1}}
JSON
"$build/whet-agent" --config "$folder/agent.json" 2>"$folder/log" &
pid=$!
for _ in $(seq 100); do [[ -S $folder/agent.sock ]] && break; sleep 0.1; done
for _ in $(seq 100); do curl -sf --unix-socket "$folder/agent.sock" http://localhost/v1/status >/dev/null; done
sleep 6
grep -E '^(VmRSS|RssAnon|RssFile|VmHWM|Threads)' "/proc/$pid/status"
grep -E '^(Pss|Private_Dirty):' "/proc/$pid/smaps_rollup"
