#!/usr/bin/env bash
# Installs the runtime package from BUILD and compiles the example against it, outside the build tree: once found by CMake, once by
# pkg-config. Both must run a Model file that the command line has made.
#
#   install.sh BUILD WHET
set -euo pipefail
build=$(realpath "$1")
whet=$(realpath "$2")
source=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --component runtime --prefix "$work/prefix" >/dev/null
libdir=$(dirname "$(find "$work/prefix" -name libwhet.so)")

model=/usr/share/libonnx-testdata/data/node/test_relu/model.onnx
"$whet" import "$model" -o "$work/relu.whet" >/dev/null

cmake -S "$source/examples/run_model" -B "$work/by_cmake" -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
cmake --build "$work/by_cmake" >/dev/null
"$work/by_cmake/run_model" "$work/relu.whet" | grep -q '^y: 0 0 0 0$'

export PKG_CONFIG_PATH=$libdir/pkgconfig
# The prefix in the file is the one of a real installation; this one has moved.
flags=$(pkg-config --define-variable=prefix="$work/prefix" --cflags --libs whet)
# shellcheck disable=SC2086
c++ -std=c++17 "$source/examples/run_model/run_model.cc" -o "$work/by_pkg_config" $flags -Wl,-rpath,"$libdir"
"$work/by_pkg_config" "$work/relu.whet" | grep -q '^y: 0 0 0 0$'
echo "the installed package compiles and runs an application"
