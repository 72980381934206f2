#!/usr/bin/env bash
# Runs clang-tidy-19 with the checks of .clang-tidy: scripts/tidy.sh [FILE…] (every source file when none is named), or
# scripts/tidy.sh --changed COMMITS [MOST]: the source files that the last COMMITS commits or the working tree changed, the
# newest first and no more than MOST (40), so that the time it takes is bounded.
set -euo pipefail
cd "$(dirname "$0")/.."
# A build without warnings as errors and without kernels of every instruction set would tidy less; use the release one.
[[ -f build/release/compile_commands.json ]] || cmake --preset release >/dev/null
files=("$@")
if [[ ${1:-} == --changed ]]; then
  [[ ${2:-} =~ ^[0-9]+$ && ${3:-40} =~ ^[0-9]+$ ]] || { echo "tidy: --changed needs a number of commits" >&2; exit 2; }
  mapfile -t files < <({ git diff --name-only HEAD; git log -n "$2" --format= --name-only; } |
    grep -E '^src/.*\.cc$' | grep -v '_fuzz\.cc$' | awk '!seen[$0]++' | while read -r file; do [[ ! -f $file ]] || echo "$file"; done)
  ((${#files[@]})) || { echo "tidy: no source file was changed"; exit 0; }
  if ((${#files[@]} > ${3:-40})); then
    echo "tidy: ${#files[@]} files were changed; the newest ${3:-40} are checked (make lint checks all)"
    files=("${files[@]:0:${3:-40}}")
  fi
fi
((${#files[@]})) || mapfile -t files < <(git ls-files 'src/*.cc' | grep -v '_fuzz\.cc$')
mapfile -t built < <(sed -nE 's/^ *"file": "(.*)".*/\1/p' build/release/compile_commands.json)
known=$(printf '%s\n' "${built[@]}")
todo=()
for file in "${files[@]}"; do
  grep -qxF "$PWD/${file#"$PWD"/}" <<<"$known" && todo+=("$file")
done
((${#todo[@]})) || { echo "tidy: none of these files is part of the release build" >&2; exit 1; }
# Without the headers that g++ precompiled: reading all of them costs clang more than a file's own.
mkdir -p build/tidy
sed -E 's/ -Winvalid-pch| -include [^ ]*cmake_pch\.hxx//g' build/release/compile_commands.json >build/tidy/compile_commands.json
printf '%s\0' "${todo[@]}" |
  xargs -0 -n 1 -P "$(nproc)" clang-tidy-19 --quiet -p build/tidy --warnings-as-errors='*' 2> >(grep -vE '^[0-9]+ warnings? (generated|treated)' >&2)
echo "tidy: ${#todo[@]} files are clean"
