#!/bin/sh
# Unpacks Debian 13's libonnxruntime-dev (headers only are needed) into a folder, on an older Debian.
#
#   fetch_onnxruntime_headers.sh [FOLDER]        default: build/onnxruntime-headers beside native/
#
# The mirror is the one this machine's apt already uses; apt's own state is not touched: lists,
# caches and configuration of this run live in a folder that is deleted at the end.
# Prints the include directory on success. Needs apt-get, dpkg and a mirror that carries trixie
# (an Ubuntu mirror does not: pass -DONNXRUNTIME_INCLUDE_DIR to CMake there).
set -eu

suite=trixie
package=libonnxruntime-dev
target=${1:-$(cd "$(dirname "$0")/.." && pwd)/build/onnxruntime-headers}

fail() {
  echo "fetch_onnxruntime_headers: $*" >&2
  exit 1
}

# First archive URI of the deb822 sources: a stanza of type deb with component main, not security.
mirror_from_deb822() {
  cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '
    function flush() {
      if (uri != "" && types ~ /(^| )deb( |$)/ && parts ~ /(^| )main( |$)/ && suites !~ /security/ &&
          enabled !~ /^no/ && !found) { print uri; found = 1 }
      uri = types = parts = suites = enabled = ""
    }
    { low = tolower($1) }
    /^[ \t]*$/ { flush() }
    low == "types:" { $1 = ""; types = $0 }
    low == "uris:" { uri = $2 }
    low == "suites:" { $1 = ""; suites = $0 }
    low == "components:" { $1 = ""; parts = $0 }
    low == "enabled:" { enabled = $2 }
    END { flush() }'
}

# First archive URI of the one-line sources: deb [options] URI suite component...
mirror_from_list() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | awk '
    $1 == "deb" {
      sub(/\[[^]]*\]/, "")
      if ($3 !~ /security/ && $0 ~ / main( |$)/) { print $2; exit }
    }'
}

command -v apt-get >/dev/null || fail "apt-get is missing: this is not a Debian system"
mirror=$(mirror_from_deb822)
[ -n "$mirror" ] || mirror=$(mirror_from_list)
[ -n "$mirror" ] || fail "no Debian archive found in /etc/apt/sources.list or sources.list.d"

# An up-to-date debian-archive-keyring holds the keys of trixie; a first-release one does not,
# then the per-release files, where present, do. Never fall back to an unsigned download.
keyring=
for candidate in /usr/share/keyrings/debian-archive-$suite-automatic.gpg \
                 /usr/share/keyrings/debian-archive-keyring.gpg; do
  if [ -z "$keyring" ] && [ -r "$candidate" ]; then keyring=$candidate; fi
done
[ -n "$keyring" ] || fail "no Debian archive keyring: install debian-archive-keyring"

private=$(mktemp -d)
trap 'rm -rf "$private"' EXIT
mkdir -p "$private/lists/partial" "$private/cache/archives/partial" "$private/parts" "$private/download"
: >"$private/status"
echo "deb [signed-by=$keyring] $mirror $suite main" >"$private/sources.list"

# Root's apt drops to a sandbox user who may not write into a folder of mktemp.
private_apt() {
  apt-get -qq \
    -o APT::Sandbox::User=root \
    -o Dir::Etc::sourcelist="$private/sources.list" \
    -o Dir::Etc::sourceparts="$private/parts" \
    -o Dir::State::lists="$private/lists" \
    -o Dir::State::status="$private/status" \
    -o Dir::State::extended_states="$private/extended_states" \
    -o Dir::Cache="$private/cache" \
    -o Acquire::Languages=none \
    "$@"
}

private_apt update >&2 || fail "the machine's mirror does not serve $suite, or $keyring lacks its key"
(cd "$private/download" && private_apt download "$package" >&2) || fail "cannot download $package"

mkdir -p "$target"
dpkg -x "$private"/download/"$package"_*.deb "$target"
header=$(find "$target" -name onnxruntime_c_api.h | head -n 1)
[ -n "$header" ] || fail "$package holds no onnxruntime_c_api.h"
dirname "$header"
