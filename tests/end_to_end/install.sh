#!/usr/bin/env bash
# Installs what BUILD made, part by part, and uses it outside the build tree: the runtime from an application (found once by
# CMake, once by pkg-config), the agent with its worker, library and unit, the command line, and the dashboard that it serves.
#
#   install.sh BUILD
set -euo pipefail
build=$(realpath "$1")
source=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
prefix=$work/prefix
bin=$prefix/bin

fail() { echo "install.sh: $*" >&2; exit 1; }
install() { cmake --install "$build" --component "$1" --prefix "$prefix" >"$work/installed"; }

# --- the runtime
install runtime
libdir=$(dirname "$(find "$prefix" -name libwhet.so)")
if grep -q '^CMAKE_BUILD_TYPE:STRING=Release$' "$build/CMakeCache.txt" && [[ $(uname -m) == x86_64 ]]; then
  strip -o "$work/stripped" "$libdir/libwhet.so"
  bytes=$(stat -c %s "$work/stripped")
  ((bytes <= 3700000)) || fail "libwhet.so has $bytes bytes stripped, and 3700000 are allowed"
fi
install toolchain
model=/usr/share/libonnx-testdata/data/node/test_relu/model.onnx
"$bin/whet" import "$model" -o "$work/relu.whet" >/dev/null

cmake -S "$source/examples/run_model" -B "$work/by_cmake" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$work/by_cmake" >/dev/null
"$work/by_cmake/run_model" "$work/relu.whet" | grep -q '^y: 0 0 0 0$'

export PKG_CONFIG_PATH=$libdir/pkgconfig
# The prefix in the file is the one of a real installation; this one has moved.
flags=$(pkg-config --define-variable=prefix="$prefix" --cflags --libs whet)
# shellcheck disable=SC2086
c++ -std=c++17 "$source/examples/run_model/run_model.cc" -o "$work/by_pkg_config" $flags -Wl,-rpath,"$libdir"
"$work/by_pkg_config" "$work/relu.whet" | grep -q '^y: 0 0 0 0$'

# --- the agent: a device that installs a release from a folder, with the installed programs alone
install agent
for file in bin/whet-agent libexec/whet/whet-agent-worker include/whet/whet_agent.h share/whet/agent.json \
  lib/systemd/system/whet-agent.service; do
  [[ -s $prefix/$file ]] || fail "$file is not installed"
done
[[ -e $libdir/libwhet-agent.so ]] || fail "libwhet-agent.so is not installed"
if grep -q '^CMAKE_BUILD_TYPE:STRING=Release$' "$build/CMakeCache.txt"; then
  bytes=$(stat -c %s "$bin/whet-agent")
  ((bytes <= 1500000)) || fail "whet-agent has $bytes bytes, and 1500000 are allowed"
fi
"$bin/whet-agent" --version | grep -q '^whet-agent [0-9]'
# The unit starts the program where a real installation has it.
grep -q "^ExecStart=$(sed -n 's/^CMAKE_INSTALL_PREFIX:PATH=//p' "$build/CMakeCache.txt")/bin/whet-agent --config" \
  "$prefix/lib/systemd/system/whet-agent.service" || fail "the unit starts another program"

cmake -S "$source/examples/agent_application" -B "$work/application" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$work/application" >/dev/null
ldd "$work/application/agent_application" | grep -q "libwhet-agent.so.* => $prefix/" || fail "it is linked against another library"

# --- the server, with the dashboard where it looks by itself
"$source/scripts/build_web.sh"
install dashboard
[[ -s $prefix/share/whet/dashboard/index.html ]] || fail "the dashboard is not installed"
cd "$work"
"$bin/whet" serve --demo --data data --listen 127.0.0.1:0 >server.log 2>&1 &
server=$!
for _ in {1..100}; do grep -q "^token for devices" server.log && break; sleep 0.1; done
url=$(sed -n 's/^serving at //p' server.log)
[[ -n $url ]] || { cat server.log >&2; fail "the installed server does not start"; }
page() { node -e 'fetch(process.argv[1]).then(async (r) => console.log(r.status, await r.text()))' "$1"; }
[[ $(page "$url/") == "200 "*"<title>"* ]] || fail "the server does not serve the dashboard"

WHET_PASSPHRASE=$(cat data/passphrase)
WHET_TOKEN=$(cat data/releaser.token)
export WHET_PASSPHRASE WHET_TOKEN WHET_SERVER=$url
"$bin/whet" tuf delegate models.relu --repo data/repo --signer data/keys/release.key --keys data/keys >/dev/null
"$bin/whet" pack relu.whet --family relu --version 1.0.0 --golden random -o release >/dev/null
"$bin/whet" sign release --repo data/repo --key data/keys/release.key >/dev/null
"$bin/whet" publish release --repo data/repo --key data/keys/online.key >/dev/null
"$bin/whet" rollout set --channel stable --family relu --version 1.0.0 --trial 0 >/dev/null
cat >agent.json <<JSON
{"device": "d-1", "families": ["relu"], "repository": "$url/repo", "root": "data/repo/metadata/1.root.json",
 "state_folder": "$work/state", "socket": "agent.sock", "telemetry": {"url": "$url/v1/metrics", "token_file": "data/device.token"}}
JSON
"$bin/whet-agent" --config agent.json 2>agent.log &
agent=$!
for _ in {1..300}; do
  "$bin/whet-agent" --config agent.json status 2>/dev/null | grep -q "^relu: 1.0.0 (.*steady" && break
  sleep 0.1
done
"$bin/whet-agent" --config agent.json status | grep -q "^relu: 1.0.0 (.*steady" || { cat agent.log >&2; fail "the installed agent installs nothing"; }
kill "$agent"
wait "$agent" || fail "the agent did not end well"
echo "what is installed works: an application, the agent, the server with its dashboard"
