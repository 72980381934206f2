#!/usr/bin/env bash
# The folders of src/ follow the journey of a model. A folder may include only itself and what stands before
# it; some may include less. Reads the #include lines and prints every one that breaks this.
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"

order=(base data ir ops kernels import export passes quantize prune train search model_file plan compile
       runtime measure api fleet agent cli)

# Folders that may include fewer than all those before them.
declare -A only=(
  [data]="base"
  [kernels]="base"
  [runtime]="base kernels plan"
)
declare -A never=(
  [export]="import"
  [api]="import export"
)

declare -A rank
for i in "${!order[@]}"; do rank[${order[$i]}]=$i; done

faults=0
fault() { echo "$1" >&2; faults=$((faults + 1)); }

for path in src/*/; do
  folder=$(basename "$path")
  [[ -n ${rank[$folder]:-} ]] || fault "src/$folder: not in the order of cmake/check_folders.sh; give it a place there"
done

checked=0
while IFS=: read -r file line text; do
  from=${file#src/}; from=${from%%/*}
  to=${text#*\"}; to=${to%%/*}
  checked=$((checked + 1))
  [[ -n ${rank[$from]:-} && -n ${rank[$to]:-} && $from != "$to" ]] || continue
  if [[ -v only[$from] ]]; then
    [[ " ${only[$from]} " == *" $to "* ]] || fault "$file:$line: src/$from may include only: ${only[$from]}; not $to"
  elif ((rank[$to] > rank[$from])); then
    fault "$file:$line: src/$to stands after src/$from, so src/$from may not include it"
  elif [[ " ${never[$from]:-} " == *" $to "* ]]; then
    fault "$file:$line: src/$from may not include src/$to"
  fi
done < <(grep -rnE --include='*.h' --include='*.cc' '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[a-z_]+/' src)

while IFS=: read -r file line _; do
  fault "$file:$line: public headers may not include the project's own sources"
done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' include 2>/dev/null || true)

((checked > 0)) || fault "no #include line found below $(pwd)/src"
((faults == 0)) || exit 1
echo "$checked includes follow the order of the folders"
