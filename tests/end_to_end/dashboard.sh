#!/usr/bin/env bash
# The dashboard: its types, its unit tests, and the built pages in headless Chromium.
set -euo pipefail
cd "$(dirname "$0")/../.."
scripts/build_web.sh --check
DASHBOARD=$PWD/build/web node --test build/web_build/tests/dashboard.test.mjs
