#!/usr/bin/env bash
# The program's manners: exit statuses, help, errors on stderr, one JSON object on stdout, no half-written file.
# tests/end_to_end/cli.sh PROGRAM
set -uo pipefail
whet=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export XDG_CACHE_HOME=$work/cache
faults=0

# expect STATUS PATTERN_OF_STDOUT PATTERN_OF_STDERR ARGUMENTS…
expect() {
  local status=$1 out=$2 err=$3
  shift 3
  "$whet" "$@" >stdout 2>stderr
  local got=$?
  if [[ $got != "$status" ]] || ! grep -qE -- "$out" <(cat stdout; echo) || ! grep -qE -- "$err" <(cat stderr; echo); then
    echo "whet $*: exit status $got, expected $status"
    echo "  stdout (expected $out): $(head -c 600 stdout)"
    echo "  stderr (expected $err): $(head -c 600 stderr)"
    faults=$((faults + 1))
  fi
}

cat >model.txt <<'TEXT'
graph "sum" {
  input %a f32[N,2]
  input %b f32[1,2]
  %y f32[N,2] = Add(%a, %b) @"sum"
  output %y
}
TEXT

expect 0 'Usage: whet' '^$' --help
expect 0 '^whet [0-9]' '^$' --version
for command in $("$whet" --help | awk '/^Subcommands:/ {on = 1; next} /^$/ {on = 0} on && /^  [a-z]/ {print $1}'); do
  expect 0 'Example:' '^$' "$command" --help
  expect 0 '--json' '^$' "$command" --help
done
expect 2 '^$' "^whet: .*See 'whet --help'" bogus
expect 2 '^$' "^whet run: .*MODEL.*See 'whet run --help'" run
expect 2 '^$' '^whet run: --shape' run model.txt --shape 1x2
expect 2 '^$' '^whet run: --preprocess' run model.txt --preprocess resize=zoom
expect 2 '^$' 'not a .npz' run model.txt -i 1 -i 1 -o out.txt
expect 1 '^$' '^whet run: nothing.onnx: cannot open' run nothing.onnx
expect 1 '^$' "^whet run: model.txt: input 'a' .* is not given" run model.txt

expect 0 'input +a: f32\[N,2\]' '^$' inspect model.txt
expect 0 'Add\(%a, %b\)' '^$' inspect model.txt --text
expect 0 '"macs": 0' '^$' inspect model.txt --json
expect 0 '^y .*f32\[1,2\] +11 +22' '^$' run model.txt -i a=1,2 -i b=10,20
expect 0 '"max": 22' '^$' run model.txt -i a=1,2 -i b=10,20 -o sum.npz -o sum.npy --json
expect 0 'f32\[1,2\] +21 +42' '^$' run model.txt -i sum.npy -i b=10,20
expect 0 'f32\[3,2\]' '^$' run model.txt -i random:3 --shape a=3x2

expect 0 '"p99"' '^$' bench model.txt --runs 3 --json
for field in model threads isa precision load_ms first_ms runs latency_ms mean p50 p95 p99 min max peak_rss_bytes \
    arena_bytes weights_bytes; do
  grep -q "\"$field\":" stdout || { echo "bench --json has no $field"; faults=$((faults + 1)); }
done
expect 0 'elementwise/.* +sum' '^$' bench model.txt --runs 3 --profile --trace trace.json --shape a=64x2
grep -q '"traceEvents"' trace.json || { echo "bench --trace writes no trace"; faults=$((faults + 1)); }
expect 0 ' on slow references|note ' '' bench model.txt --runs 3 --reference
expect 2 '^$' 'avx9' bench model.txt --isa avx9
expect 0 '1 values compared, 0 diverge' '^$' diff model.txt
sed 's/Add/Sub/' model.txt >other.txt
expect 1 "first is 'y'" '^whet diff: 1 of 1 values diverge' diff model.txt other.txt

# The sum has a plan, where it is not zero depends on data.
cat >where.txt <<'TEXT'
graph "where" {
  input %a f32[2,2]
  %y f32[2,2] = Add(%a, %a) @"sum"
  %z i64[2,?] = NonZero(%y) @"where"
  output %z
}
TEXT
expect 0 '1 of 2 nodes are planned' '^$' inspect where.txt
expect 0 '^z .*i64\[2,2\] .*  0 1 1 0$' "on the operators' slow references: 1 of 2 nodes: node 'where'" run where.txt -i 0,1,2,0
expect 0 '"engine": "split"' '' bench where.txt --runs 3 --json
expect 0 'on slow references: 1 of 2 nodes' '' bench where.txt --runs 3 --profile
expect 0 '2 values compared, 0 diverge' '^$' diff where.txt

printf '1 2\t1\n3 1\t0\n5 6\t0\n' >set.txt
expect 0 'top1 66.67 % .95 % interval 20.77 to 93.85' '^$' eval model.txt --data set.txt --metric top1 -i b=0,0
expect 0 '"interval_method": "wilson"' '^$' eval model.txt --data set.txt --metric top1 -i b=0,0 --json
expect 0 'only the first right 0, only the second 0' '^$' eval model.txt --against model.txt --data set.txt --metric top1 -i b=0,0
expect 0 'snr inf dB' '^$' eval model.txt --against model.txt --data set.txt --metric snr -i b=0,0
expect 1 '^$' "does not fill input 'b'" eval model.txt --data set.txt --metric top1
expect 1 '^$' 'top5 says nothing about a model of 2 classes' eval model.txt --data set.txt --metric top5 -i b=0,0
expect 1 '^$' 'needs boxes' eval model.txt --data set.txt --metric map -i b=0,0
expect 1 '^$' '^whet eval: nowhere: there is no such data set' eval model.txt --data nowhere --metric top1
expect 1 '^$' 'is one file and has no part' eval model.txt --data set.txt --metric top1 --split train
expect 2 '^$' '--metric' eval model.txt --data set.txt --metric beauty
expect 2 '^$' '--part' eval model.txt --data set.txt --metric top1 --part half

# Quantization of bad data: an error that says where, or a warning and a model that runs.
cat >layer.txt <<'TEXT'
graph "layer" {
  input %x f32[1,4]
  const %w f32[4,2] = [1, 0, 2, 0, -1, 0, 0.5, 0]
  %h f32[1,4] = Mul(%x, %x) @"square"
  %y f32[1,2] = MatMul(%h, %w) @"layer"
  output %y
}
TEXT
mkdir nothing empty_files one good
printf 'nonsense' >empty_files/a.npy
"$whet" run model.txt -i a=1,2 -i b=10,20 -o one/wrong_shape.npy >stdout
npy() { # FILE HEX_OF_FOUR_FLOATS
  { printf '\x93NUMPY\x01\x00v\x00'; printf '%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 4), }"
    printf '%b' "$2"; } >"$1"
}
one='\x00\x00\x80\x3f' two='\x00\x00\x00\x40' nan='\x00\x00\xc0\x7f' huge='\xca\x1b\x0e\x5a'
npy good/a.npy "$one$two$one$two"
npy good/b.npy "$two$one$one$two"
cp -r good with_nan
npy with_nan/c.npy "$one$nan$one$one"
cp -r good with_huge
npy with_huge/c.npy "$one$huge$one$one"
small=(quantize layer.txt -o small.whet --seconds 0)
expect 1 '^$' '^whet quantize: --data: nothing: .*(no \.png|no samples)' "${small[@]}" --data nothing
expect 1 '^$' '--data: .*nowhere' "${small[@]}" --data nowhere
expect 1 '^$' 'a\.npy' "${small[@]}" --data empty_files
expect 1 '^$' 'wrong_shape' "${small[@]}" --data one
expect 1 '^$' "c\.npy.*'x' is not a number|'x' is not a number.*c\.npy" "${small[@]}" --data with_nan
expect 1 '^$' "c\.npy.*'h' is not a number|'h' is not a number.*c\.npy" "${small[@]}" --data with_nan --scheme weight8
expect 1 '^$' 'add --data' "${small[@]}"
[[ ! -e small.whet ]] || { echo "a model was written for bad data"; faults=$((faults + 1)); }
expect 0 "1 layer has channels whose weights are all 0.*'layer' \(1\)" '^$' "${small[@]}" --data good
expect 0 'f32\[1,2\] .* (7\.9[0-9]*|8) 0$' '^$' run small.whet -i x=1,2,1,0
expect 0 "'h' reaches from .*left float" '^$' "${small[@]}" --data with_huge
expect 0 'f32\[1,2\] .* 8 0$' '^$' run small.whet -i x=1,2,1,0
expect 1 '^$' 'needs boxes' "${small[@]}" --data good --max-drop 1 --eval set.txt --metric map
expect 2 '^$' "no step 'magic'" "${small[@]}" --data good --without magic
expect 2 '^$' "no step 'magic'" "${small[@]}" --data good --with magic

expect 0 '^sum.whet: text, 1 nodes' '^$' import model.txt -o sum.whet --set author=me --mean 1,2,3 --labels model.txt
expect 0 'whet.image = mean=1:2:3' '^$' inspect sum.whet
expect 0 'f32\[1,2\] +11 +22' '^$' run sum.whet -i a=1,2 -i b=10,20
expect 0 'steps' '^$' inspect sum.whet --shape a=3x2
expect 0 'arena' '^$' inspect sum.whet --shape a=3x2 --plan
expect 2 '^$' '--set' import model.txt -o x.whet --set author

mkdir readonly && touch readonly/out.npz && chmod 500 readonly
if ((EUID != 0)); then expect 1 '' 'readonly' run model.txt -i 1,2 -i 1,2 -o readonly/out.npz; fi
expect 1 '' 'cannot' run model.txt -i 1,2 -i 1,2 -o no/such/folder/out.npz

# A full disk (here: no file may be larger than 64 KiB) and Ctrl-C leave what was there before, and nothing else.
{
  printf 'graph "big" {\n  input %%x f32[8000000]\n  const %%w f32[8000000] = hex:'
  head -c 64000000 /dev/zero | tr '\0' 0
  printf '\n  %%y f32[8000000] = Add(%%x, %%w) @"sum"\n  output %%y\n}\n'
} >big.txt

# kept STATUS WHAT FILE: FILE is as it was, nothing stands beside it, and the last program ended with STATUS.
kept() {
  [[ $last == "$1" ]] || { echo "$2: exit status $last, expected $1: $(head -c 600 stderr)"; faults=$((faults + 1)); }
  [[ $(<"$3") == "what was there" ]] || { echo "$2 spoils the old file"; faults=$((faults + 1)); }
  local left
  left=$(compgen -G "*$3.*") && { echo "$2 leaves $left behind"; faults=$((faults + 1)); }
}

# unwritten FILE ARGUMENTS…: the program so called writes FILE, of more than 64 KiB.
unwritten() {
  local file=$1 try
  shift
  printf 'what was there' >"$file"
  (ulimit -f 64 && exec "$whet" "$@") >stdout 2>stderr
  last=$?
  kept 1 "a full disk under whet $1" "$file"
  grep -q "^whet $1: .*$file" stderr || { echo "no error for a full disk: $(<stderr)"; faults=$((faults + 1)); }

  # The signal comes while the temporary file is there; a program that is done before it does is started again.
  for ((try = 0; try < 20; ++try)); do
    printf 'what was there' >"$file"
    "$whet" "$@" >stdout 2>stderr &
    until compgen -G "$file.*" >/dev/null || ! kill -0 $! 2>/dev/null; do sleep 0.01; done
    kill -INT $! 2>/dev/null
    wait $!
    last=$?
    ((last != 0)) && break
  done
  kept 130 "Ctrl-C under whet $1" "$file"
}
unwritten answer.npz run big.txt -i random -o answer.npz
unwritten answer.npy run big.txt -i random -o answer.npy
unwritten big.whet import big.txt -o big.whet
unwritten big.onnx export big.txt --to onnx -o big.onnx
rm -f big.txt answer.npz answer.npy big.whet big.onnx
if [[ -e /dev/full ]]; then
  "$whet" ops >/dev/full 2>stderr
  [[ $? == 1 ]] || { echo "whet ops >/dev/full does not fail"; faults=$((faults + 1)); }
fi

expect 0 '"operators"' '^$' ops --json
expect 1 '^$' 'no test' conformance "$work"
((faults == 0)) || exit 1
echo "the command line behaves"
