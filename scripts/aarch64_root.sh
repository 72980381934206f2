#!/usr/bin/env bash
# Unpacks the 64-bit Arm packages that the cross build needs into build/aarch64_root, with package lists of its own:
# nothing of it is installed, and the machine's own packages stay of one architecture.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD/build/aarch64_root
packages=(libmbedtls-dev zlib1g-dev)

mkdir -p "$root/apt/lists/partial" "$root/apt/archives/partial"
apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64
  -o Dir::State::lists="$root/apt/lists" -o Dir::Cache="$root/apt" -o Dir::Cache::archives="$root/apt/archives"
  -o APT::Sandbox::User="$(id -un)")
for package in "${packages[@]}"; do
  [[ -f $root/$package ]] && continue
  echo "aarch64: unpacking $package"
  "${apt[@]}" update
  (cd "$root/apt" && "${apt[@]}" download "$package" && dpkg-deb -x "$package"_*.deb "$root")
  touch "$root/$package"
done
