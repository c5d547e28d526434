#!/bin/sh
# Unpacks Debian's libgtest-dev into build/googletest, for a machine where it is not installed.
# Nothing is installed; only root on a machine whose package lists are empty updates those.
set -eu

target=$(cd "$(dirname "$0")/.." && pwd)/build/googletest
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

apt-get -qq -o APT::Sandbox::User=root download libgtest-dev ||
  { apt-get -qq update && apt-get -qq -o APT::Sandbox::User=root download libgtest-dev; } ||
  { echo "GoogleTest is missing: install it (Debian: apt-get install libgtest-dev)" >&2; exit 1; }
mkdir -p "$target"
dpkg -x libgtest-dev_*.deb "$target"
