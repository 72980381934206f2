#!/usr/bin/env bash
# Names every source file that clang-format-19 would change.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(git ls-files '*.cc' '*.h' '*.hpp' '*.c')
((${#files[@]})) || { echo "check_format: git lists no source file here" >&2; exit 1; }
clang-format-19 --dry-run --Werror "${files[@]}" || { echo "check_format: run 'make format'" >&2; exit 1; }
echo "${#files[@]} files are formatted"
