#!/bin/sh
# Unpacks Debian packages into a folder, for a machine where they are not installed.
#
#   fetch_debian.sh FOLDER PACKAGE...
#
# Nothing is installed; only root on a machine whose package lists are empty updates those.
set -eu

target=$1
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$target"
target=$(cd "$target" && pwd)
cd "$folder"

download() {
  apt-get -qq -o APT::Sandbox::User=root download "$@"
}

download "$@" || { apt-get -qq update && download "$@"; } ||
  { echo "cannot fetch $*: install them (Debian: apt-get install $*)" >&2; exit 1; }
for package in ./*.deb; do
  dpkg -x "$package" "$target"
done
