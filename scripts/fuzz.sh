#!/usr/bin/env bash
# Builds every libFuzzer program and runs each for SECONDS_EACH (60), starting from its saved corpus in
# tests/fuzz/corpus/NAME. What a program finds is left in build/fuzz/found/.
set -euo pipefail
cd "$(dirname "$0")/.."
each=${SECONDS_EACH:-60}

cmake --preset fuzz
cmake --build --preset fuzz

mapfile -t programs < <(find build/fuzz -name '*_fuzz' -type f -perm -u+x | sort)
((${#programs[@]})) || { echo "fuzz: no fuzz program was built" >&2; exit 1; }

failed=()
for program in "${programs[@]}"; do
  name=$(basename "$program")
  work=build/fuzz/corpus/$name found=build/fuzz/found/$name
  mkdir -p "$work" "$found"
  seeds=()
  [[ -d tests/fuzz/corpus/$name ]] && seeds=("tests/fuzz/corpus/$name")
  echo "== $name: $each s"
  if ! "$program" -max_total_time="$each" -timeout=5 -rss_limit_mb=1024 -malloc_limit_mb=512 -print_final_stats=1 \
      -artifact_prefix="$found/" "$work" "${seeds[@]}" >"build/fuzz/$name.log" 2>&1; then
    tail -n 60 "build/fuzz/$name.log"
    failed+=("$name")
  else
    grep -E 'stat::number_of_executed_units|stat::peak_rss_mb' "build/fuzz/$name.log"
  fi
done
((${#failed[@]} == 0)) || { echo "fuzz: failed: ${failed[*]}; the inputs are in build/fuzz/found/" >&2; exit 1; }
echo "fuzz: ${#programs[@]} programs ran $each s each, clean"
