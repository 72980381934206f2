#!/usr/bin/env bash
# Builds the dashboard: web/ to build/web, which `whet serve --dashboard` serves. Nothing is written to web/ itself; the
# packages of web/package-lock.json are installed in build/web_build, without running their install scripts.
#   scripts/build_web.sh [--check]      --check: also the types and the unit tests
set -euo pipefail
cd "$(dirname "$0")/.."

check=false
[[ ${1:-} == --check ]] && check=true

"$PWD"/scripts/setup.sh fetch
work=$PWD/build/web_build
mkdir -p "$work"
# One at a time: tests and `make` may ask for it at once.
exec 9>"$work/.lock"
flock 9

# The sources as they are now; what is no longer there goes too.
rm -rf "$work/src" "$work/tests"
cp -r web/src web/tests web/index.html web/*.ts web/*.json "$work/"

cd "$work"
if ! cmp -s package-lock.json node_modules/.installed; then
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.installed
fi
if $check; then
  node_modules/.bin/tsc --noEmit
  node_modules/.bin/vitest run --dir src
fi
node_modules/.bin/vite build --logLevel warn --outDir ../web
