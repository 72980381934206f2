#!/usr/bin/env bash
# The dashboard: its types, its unit tests, and the built pages in headless Chromium, against a stand-in for the server and
# against the server itself.
#   dashboard.sh WHET
set -euo pipefail
whet=$(realpath "$1")
cd "$(dirname "$0")/../.."
scripts/build_web.sh --check
export DASHBOARD=$PWD/build/web
node --test build/web_build/tests/dashboard.test.mjs
WHET=$whet MODEL=$PWD/models/fashion_mnist/mobile.onnx node --test build/web_build/tests/real_server.test.mjs
