#!/usr/bin/env bash
# Builds every libFuzzer program and runs each for SECONDS_EACH (60), starting from its saved corpus in
# tests/fuzz/corpus/NAME, as many at once as there are processors. What a program finds is left in build/fuzz/found/.
set -euo pipefail
cd "$(dirname "$0")/.."

cmake --preset fuzz
cmake --build --preset fuzz

mapfile -t programs < <(find build/fuzz -name '*_fuzz' -type f -perm -u+x | sort)
((${#programs[@]})) || { echo "fuzz: no fuzz program was built" >&2; exit 1; }

export EACH=${SECONDS_EACH:-60}
fuzz() {
  local name work found seeds=()
  name=$(basename "$1")
  work=build/fuzz/corpus/$name found=build/fuzz/found/$name
  mkdir -p "$work" "$found"
  [[ -d tests/fuzz/corpus/$name ]] && seeds=("tests/fuzz/corpus/$name")
  if "$1" -max_total_time="$EACH" -timeout=5 -rss_limit_mb=1024 -malloc_limit_mb=512 -print_final_stats=1 \
      -artifact_prefix="$found/" "$work" "${seeds[@]}" >"build/fuzz/$name.log" 2>&1; then
    echo "== $name: $EACH s, clean: $(grep -oE '(number_of_executed_units|peak_rss_mb): *[0-9]+' "build/fuzz/$name.log" | tr -s ' ' | paste -sd ' ')"
  else
    echo "== $name: FAILED"
    tail -n 60 "build/fuzz/$name.log"
    return 1
  fi
}
export -f fuzz
printf '%s\0' "${programs[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'fuzz "$0"' ||
  { echo "fuzz: the inputs that failed are in build/fuzz/found/" >&2; exit 1; }
echo "fuzz: ${#programs[@]} programs ran $EACH s each, clean"
