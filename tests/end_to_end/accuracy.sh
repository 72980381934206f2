#!/usr/bin/env bash
# The reference models reach the accuracy that models/README.md states, on the whole test set of Debian's
# dataset-fashion-mnist, also when they are quantized. Rounding differs between instruction sets, so a few of the 10 000 answers may too.
# tests/end_to_end/accuracy.sh PROGRAM
set -euo pipefail
whet=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
data=/usr/share/datasets/fashion-mnist
band=5 # samples
faults=0

stated() { # the number in the row of a model, in samples of 10 000
  awk -F'|' -v file="fashion_mnist/$1.onnx" 'index($2, file) {gsub(/[ %]/, "", $5); printf "%.0f", $5 * 100}' \
    "$root/models/README.md"
}

for model in mobile residual; do
  file=$root/models/fashion_mnist/$model.onnx
  answer=$("$whet" eval "$file" --data "$data" --metric top1 --no-cache --json)
  samples=$(grep -oP '"samples": \K[0-9]+' <<<"$answer")
  right=$(awk '/"value":/ {gsub(",", "", $2); printf "%.0f", $2 * 10000; exit}' <<<"$answer")
  wanted=$(stated "$model")
  echo "$model: $right of $samples right, models/README.md states $wanted"
  if [[ $samples != 10000 || -z $wanted ]] || ((right < wanted - band || right > wanted + band || right < 9200)); then
    faults=$((faults + 1))
  fi
done

# Quantized from 100 pictures of the training part, they lose at most so many of 10 000 samples.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for model in mobile residual; do
  for scheme in int8:30 weight4:50; do
    small=$folder/$model-${scheme%:*}.whet
    "$whet" quantize "$root/models/fashion_mnist/$model.onnx" -o "$small" --scheme "${scheme%:*}" --data "$data" \
      --seconds 0 --compare 0 >/dev/null
    right=$("$whet" eval "$small" --data "$data" --metric top1 --no-cache --json |
      awk '/"value":/ {gsub(",", "", $2); printf "%.0f", $2 * 10000; exit}')
    wanted=$(($(stated "$model") - ${scheme#*:}))
    echo "$model as ${scheme%:*}: $right right, at least $wanted are asked"
    ((right >= wanted)) || faults=$((faults + 1))
    read -r before after <<<"$(stat -c %s "$root/models/fashion_mnist/$model.onnx" "$small" | xargs)"
    tenths=$([[ $scheme == int8* ]] && echo 38 || echo 70)
    echo "$model as ${scheme%:*}: $before bytes became $after, at least $tenths tenths smaller are asked"
    ((before * 10 >= after * tenths)) || faults=$((faults + 1))
  done
  # Integers give the same bytes on every instruction set that this machine has.
  "$whet" run "$folder/$model-int8.whet" -i random:1 --no-cache --isa portable -o "$folder/portable.npz" >/dev/null
  compared=0
  for isa in avx2 avx512 avx512-vnni dotprod; do
    if ! "$whet" run "$folder/$model-int8.whet" -i random:1 --no-cache --isa "$isa" -o "$folder/other.npz" >/dev/null \
      2>"$folder/why"; then
      grep -q 'this machine does not offer' "$folder/why" || { cat "$folder/why"; faults=$((faults + 1)); }
      continue
    fi
    compared=$((compared + 1))
    cmp "$folder/portable.npz" "$folder/other.npz" || faults=$((faults + 1))
  done
  echo "$model as int8: the same bytes on portable and $compared others"
done

# A bound on what may be lost: it is held, and what cannot hold it is not written.
bounded() {
  "$whet" quantize "$root/models/fashion_mnist/residual.onnx" -o "$folder/bounded.whet" --data "$data" --seconds 0 --compare 0 \
    --scheme weight4 --eval "$data" --metric agreement --eval-limit 500 "$@"
}
rm -f "$folder/bounded.whet"
status=0
bounded --max-drop 0 --layer '*=weight4' 2>"$folder/why" || status=$?
if [[ $status != 1 || -e $folder/bounded.whet ]] || ! grep -q 'cannot be held' "$folder/why"; then
  echo "a bound that cannot be held: exit status $status, $(cat "$folder/why")"
  faults=$((faults + 1))
fi
bounded --max-drop 0.2 --json >"$folder/report.json"
disagree=$("$whet" eval "$folder/bounded.whet" --against "$root/models/fashion_mnist/residual.onnx" --data "$data" --limit 500 \
  --metric agreement --no-cache --json | awk '/"value":/ {gsub(",", "", $2); printf "%.0f", 500 - $2 * 500; exit}')
echo "residual as weight4 with --max-drop 0.2: $disagree of 500 answers are others, 1 is allowed"
((disagree <= 1)) || faults=$((faults + 1))
grep -q '"scheme": "weight4"' "$folder/report.json" || { echo "nothing is left of weight4"; faults=$((faults + 1)); }
grep -q 'would lose more than' "$folder/report.json" || { echo "no layer is named"; faults=$((faults + 1)); }

# The two models on the same samples, and a set that is sampled: the same samples for the same seed.
compare() {
  "$whet" eval "$root/models/fashion_mnist/mobile.onnx" --against "$root/models/fashion_mnist/residual.onnx" \
    --data "$data" --metric top1 --limit 500 --seed "$1" --json | grep -vE 'samples_per_second'
}
first=$(compare 1)
[[ $first == "$(compare 1)" ]] || { echo "the same seed gave another answer"; faults=$((faults + 1)); }
[[ $first != "$(compare 2)" ]] || { echo "another seed gave the same answer"; faults=$((faults + 1)); }
grep -q '"mcnemar"' <<<"$first" || { echo "two models, but no McNemar test"; faults=$((faults + 1)); }

((faults == 0)) || exit 1
