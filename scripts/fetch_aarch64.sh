#!/bin/sh
# Unpacks into build/aarch64-tools what `make test-aarch64` needs and this machine lacks: a cross
# compiler, an emulator, GoogleTest's sources. Nothing is installed.
set -eu

scripts=$(cd "$(dirname "$0")" && pwd)
tools=$(dirname "$scripts")/build/aarch64-tools
packages="g++-aarch64-linux-gnu qemu-user-static googletest"

fail() {
  echo "$*: install them (Debian: apt-get install $packages)" >&2
  exit 1
}

installed() {
  command -v aarch64-linux-gnu-g++ >/dev/null && [ -d /usr/src/googletest ] &&
    { command -v qemu-aarch64-static || command -v qemu-aarch64; } >/dev/null
}

# What apt would install, one name a line. The list of packages is split on purpose.
missing() {
  # shellcheck disable=SC2086
  apt-get -s install --no-install-recommends $packages 2>/dev/null | awk '/^Inst/ {print $2}'
}

# A command of that name: the unpacked tools need libraries and, the compiler, a root of their own.
wrap() {
  [ -e "$tools/usr/bin/$1" ] || return 0
  cat >"$tools/bin/$1" <<END
#!/bin/sh
export LD_LIBRARY_PATH='$tools/usr/lib/$(c++ -dumpmachine)'
exec '$tools/usr/bin/$1' $2 "\$@"
END
  chmod +x "$tools/bin/$1"
}

if installed || [ -e "$tools/complete" ]; then exit 0; fi
command -v apt-get >/dev/null || fail "the tools for 64-bit ARM are missing"
names=$(missing)
[ -n "$names" ] || { apt-get -qq update >&2 && names=$(missing); } || true
[ -n "$names" ] || fail "apt knows no tools for 64-bit ARM"
# shellcheck disable=SC2086
"$scripts/fetch_debian.sh" "$tools" $names || fail "the tools for 64-bit ARM cannot be fetched"
mkdir -p "$tools/bin"
wrap aarch64-linux-gnu-g++ "'--sysroot=$tools'"
wrap aarch64-linux-gnu-ar ""
wrap aarch64-linux-gnu-ranlib ""
touch "$tools/complete"
