#!/usr/bin/env bash
# ONNX's backend tests as Debian ships them: every one must pass, but for those that left_out.txt names, with the
# reason; and those must not pass, so that the list stays true. tests/conformance/check.sh PROGRAM, which is whet.
set -uo pipefail
whet=$1
here=$(cd "$(dirname "$0")" && pwd)
data=/usr/lib/python3/dist-packages/onnx/backend/test/data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$whet" conformance "$data"/{node,simple,pytorch-converted,pytorch-operator} >"$work/report"
tail -n 1 "$work/report"
sed -nE 's/^(failed|unsupported) +([^:]+): .*/\2/p' "$work/report" | sort >"$work/not_passed"
sed -nE 's/^([a-zA-Z0-9_]+): .+/\1/p' "$here/left_out.txt" | sort >"$work/left_out"
[[ -s $work/report ]] || { echo "conformance printed nothing"; exit 1; }

status=0
while read -r name; do
  grep -E "^(failed|unsupported) +$name: " "$work/report"
  status=1
done < <(comm -23 "$work/not_passed" "$work/left_out")
while read -r name; do
  echo "$name passes now; take it out of tests/conformance/left_out.txt"
  status=1
done < <(comm -13 "$work/not_passed" "$work/left_out")
exit $status
