#!/usr/bin/env bash
# Installs the Debian packages that a group of tasks needs:
#   scripts/setup.sh [build] [fetch] [fleet-demo] [test] [lint] [deltas] [test-all]
# (build alone when no group is named). Asks dpkg first, so it is quick and needs no network when all are there.
# What each package is for: docs/dependencies.md.
set -euo pipefail

build=(
  g++ cmake ninja-build make pkg-config
  libprotobuf-dev protobuf-compiler libonnx-dev
  libflatbuffers-dev flatbuffers-compiler
  libmbedtls-dev
  nlohmann-json3-dev libcli11-dev
  libpng-dev libjpeg-dev zlib1g-dev
  libsndfile1-dev libsamplerate0-dev libzip-dev
  libcurl4-openssl-dev libsodium-dev libssl-dev
  libmicrohttpd-dev libpq-dev libsqlite3-dev libmosquitto-dev
)
fetch=(
  nodejs npm ca-certificates
)
fleet_demo=(
  dataset-fashion-mnist
)
test=(
  git libgtest-dev libgmock-dev libbenchmark-dev libonnx-testdata dataset-fashion-mnist libfiu-dev
  clang-format-19 mosquitto openssl postgresql
  chromium fonts-dejavu-core
)
lint=(
  clang-tidy-19
)
# What bench/deltas compares with, and what makes the updates that it measures on.
deltas=(
  bsdiff xdelta3 zstd python3-torch python3-onnx python3-numpy dataset-fashion-mnist nodejs npm ca-certificates
)
test_all=(
  clang-19 libclang-rt-19-dev
  googletest g++-aarch64-linux-gnu qemu-user
)

wanted=()
for group in "${@:-build}"; do
  case $group in
    build) wanted+=("${build[@]}") ;;
    fetch) wanted+=("${fetch[@]}") ;;
    fleet-demo) wanted+=("${build[@]}" "${fetch[@]}" "${fleet_demo[@]}") ;;
    test) wanted+=("${build[@]}" "${fetch[@]}" "${test[@]}") ;;
    deltas) wanted+=("${build[@]}" "${deltas[@]}") ;;
    lint) wanted+=("${build[@]}" "${lint[@]}") ;;
    test-all) wanted+=("${build[@]}" "${fetch[@]}" "${test[@]}" "${lint[@]}" "${test_all[@]}") ;;
    *) echo "setup.sh: no group '$group'; there are: build, fetch, fleet-demo, test, lint, deltas, test-all" >&2; exit 2 ;;
  esac
done

# A Node.js from elsewhere than Debian brings its own npm, and Debian's npm would not install beside it.
there() {
  case $1 in
    nodejs) command -v node >/dev/null && return ;;
    npm) command -v npm >/dev/null && return ;;
  esac
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

missing=()
for package in $(printf '%s\n' "${wanted[@]}" | sort -u); do
  there "$package" || missing+=("$package")
done
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || {
    echo "setup.sh: these Debian packages are missing: ${missing[*]}" >&2
    echo "setup.sh: run it as root, install sudo, or install them yourself" >&2
    exit 1
  }
  as_root=(sudo)
fi

echo "setup: installing ${missing[*]}"
# Another apt-get may be at work, on a fresh machine often its own updater: wait for it.
"${as_root[@]}" apt-get -qq update
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=600 --no-install-recommends install "${missing[@]}"
