#!/usr/bin/env bash
# Runs clang-tidy-19 with the checks of .clang-tidy: scripts/tidy.sh [FILE…] (every source file when none is named).
set -euo pipefail
cd "$(dirname "$0")/.."
# A build without warnings as errors and without kernels of every instruction set would tidy less; use the release one.
[[ -f build/release/compile_commands.json ]] || cmake --preset release >/dev/null
files=("$@")
((${#files[@]})) || mapfile -t files < <(git ls-files 'src/*.cc' | grep -v '_fuzz\.cc$')
mapfile -t built < <(sed -nE 's/^ *"file": "(.*)".*/\1/p' build/release/compile_commands.json)
known=$(printf '%s\n' "${built[@]}")
todo=()
for file in "${files[@]}"; do
  grep -qxF "$PWD/${file#"$PWD"/}" <<<"$known" && todo+=("$file")
done
((${#todo[@]})) || { echo "tidy: none of these files is part of the release build" >&2; exit 1; }
printf '%s\0' "${todo[@]}" |
  xargs -0 -n 1 -P "$(nproc)" clang-tidy-19 --quiet -p build/release --warnings-as-errors='*' 2> >(grep -vE '^[0-9]+ warnings? (generated|treated)' >&2)
echo "tidy: ${#todo[@]} files are clean"
