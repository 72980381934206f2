#!/usr/bin/env bash
# From keys to a device that has a release, with the command line alone: releases.sh WHET
set -euo pipefail
whet=$(realpath "$1")
models=$(realpath "$(dirname "$0")/../../models/fashion_mnist")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export WHET_PASSPHRASE="correct horse"

fail() { echo "releases.sh: $*" >&2; exit 1; }
# A command that must fail, with this in its message.
refused() {
  local wanted=$1; shift
  if "$@" >out 2>&1; then fail "was not refused: $*"; fi
  grep -q "$wanted" out || { cat out; fail "does not say '$wanted': $*"; }
}

mkdir keys trusted trusted-apart got
for name in root targets online alice bob mallory; do "$whet" key new keys/$name.key >/dev/null; done
refused "exists already" "$whet" key new keys/root.key
refused "passphrase is wrong" env WHET_PASSPHRASE=wrong "$whet" tuf create other --root keys/root.key \
  --targets keys/targets.key --online keys/online.key --key keys/root.key

admin=(--key keys/root.key --key keys/targets.key --key keys/online.key)
"$whet" tuf create repo --root keys/root.key --targets keys/targets.key --online keys/online.key "${admin[@]}"
"$whet" tuf delegate models.fashion --repo repo --signer keys/alice.key --signer keys/bob.key --threshold 2 "${admin[@]}"

"$whet" pack "$models/residual.onnx" --family fashion --version 1.0.0 --golden random:7 --golden-count 3 \
  --latency-ms-mean 50 -o release
"$whet" sign release --repo repo --key keys/alice.key
refused "1 of its role's keys signed it; 2 must" "$whet" publish release --repo repo --key keys/online.key
"$whet" sign release --key keys/mallory.key
refused "1 of its role's keys signed it; 2 must" "$whet" publish release --repo repo --key keys/online.key
rm "release/signatures/$("$whet" key show keys/mallory.key --json | sed -n 's/.*"keyid": "\(.*\)".*/\1/p').json"
"$whet" sign release --repo repo --key keys/bob.key
cp -r release changed
echo >>changed/golden.bin
refused "not the file that release.json describes" "$whet" publish changed --repo repo --key keys/online.key
"$whet" publish release --repo repo --key keys/online.key
refused "version 2 is due" "$whet" publish release --repo repo --key keys/online.key

client=("$whet" tuf --metadata-dir trusted --metadata-url "file://$work/repo/metadata"
  --target-base-url "file://$work/repo/targets" --target-dir got)
"$whet" tuf --metadata-dir trusted init repo/metadata/1.root.json
"${client[@]}" refresh
"${client[@]}" --target-name models/fashion/1.0.0/release.json --target-name models/fashion/1.0.0/f32.whet download
cmp release/f32.whet got/models%2Ffashion%2F1.0.0%2Ff32.whet
"$whet" inspect got/models%2Ffashion%2F1.0.0%2Ff32.whet >/dev/null
refused "no role that may speak" "${client[@]}" --target-name models/fashion/1.0.1/release.json download
refused "is not a target's name" "${client[@]}" --target-name ../../etc/passwd download

# The next version, of which little changed: devices get a delta.
"$whet" import "$models/residual.onnx" --set author=me -o second.whet >/dev/null
"$whet" pack second.whet --family fashion --version 1.1.0 --golden random:7 --golden-count 3 -o release2
"$whet" sign release2 --repo repo --key keys/alice.key --key keys/bob.key
"$whet" publish release2 --repo repo --key keys/online.key | tee published
grep -q "delta of f32" published || fail "no delta was published"

# Key rotation: devices follow; what the old key signs counts no more.
old=$("$whet" key show keys/alice.key --json | sed -n 's/.*"keyid": "\(.*\)".*/\1/p')
"$whet" key new keys/carol.key >/dev/null
"$whet" key rotate --repo repo --role models.fashion --old "$old" --new keys/carol.key "${admin[@]}" --key keys/bob.key --key keys/carol.key
"${client[@]}" --target-name models/fashion/1.0.0/f32.whet download
refused "no role has the key" "$whet" key revoke "$old" --repo repo "${admin[@]}"
"$whet" tuf show --repo repo | grep -q "models.fashion"

# Keys whose holders are on machines of their own: a root that two of three sign, and its rotation. Each key has its
# own passphrase, and each process is given one alone.
holder() { WHET_PASSPHRASE="$1's own" "$whet" "${@:2}"; }
key_id() { "$whet" key show "keys/$1.key" --json | sed -n 's/.*"keyid": "\(.*\)".*/\1/p'; }
for name in ann ben cem dan eve server; do holder $name key new keys/$name.key >/dev/null; done
"$whet" tuf create apart --root keys/ann.key --root keys/ben.key --root keys/cem.key --root-threshold 2 \
  --targets keys/eve.key --online keys/server.key --draft first
holder ann key sign first --key keys/ann.key | grep -q "1 more must sign"
refused "too few keys of the role 'root'" holder server key apply first --repo apart --key keys/server.key
holder cem key sign first --key keys/cem.key >/dev/null
holder eve key sign first --key keys/eve.key >/dev/null
holder server key apply first --repo apart --key keys/server.key
"$whet" tuf --metadata-dir trusted-apart init apart/metadata/1.root.json

"$whet" key rotate --repo apart --role root --old "$(key_id cem)" --new keys/dan.key --draft change
for name in ann dan; do # each on a copy
  cp -r apart/. "copy-$name"
  holder $name key sign change --repo "copy-$name" --key keys/$name.key >signed
  grep -q "key $(key_id cem | cut -c1-12) goes" signed || fail "does not say which key goes"
done
# Ann and the new key are two, but the root that devices have wants two of its own.
refused "the keys that are trusted so far" holder server key apply change --repo apart --key keys/server.key
refused "none of the keys given" holder eve key sign change --repo apart --key keys/eve.key
refused "passphrase is wrong" holder ann key sign change --repo apart --key keys/ben.key
holder ben key sign change --repo apart --key keys/ben.key >/dev/null
holder server key apply change --repo apart --key keys/server.key
apart=("$whet" tuf --metadata-dir trusted-apart --metadata-url "file://$work/apart/metadata")
"${apart[@]}" refresh
grep -q "$(key_id dan)" trusted-apart/root.json || fail "devices do not have the new root"

# A delegation, which the key of targets signs elsewhere.
"$whet" tuf delegate models.fashion --repo apart --signer keys/alice.key --signer keys/bob.key --threshold 2 --draft delegation
holder eve key sign delegation --repo apart --key keys/eve.key | grep -q "models.fashion: may speak for"
holder server key apply delegation --repo apart --key keys/server.key
"$whet" tuf show --repo apart | grep -q "models.fashion"
"${apart[@]}" refresh
echo "releases: ok"
