#!/usr/bin/env bash
# Runs a command in a fresh clone of HEAD on a bare Debian: an empty root that holds what .github/workflows/ci.yml
# installs and nothing else. Nothing of this machine is seen there but its network and its configuration of apt and pip.
#
#   scripts/try_bare.sh                       start the service by 'make serve', ask /readyz, stop it
#   scripts/try_bare.sh SUITE COMMAND...      scripts/try_bare.sh bookworm make test
#
#   WORK=folder   where the root is made (4 GB at most), kept and used again; default: a new one, deleted at the end
#   PORT=18100    where the service listens
#
# The environment is empty but for PAG_*, PERFORATED_CONV_*, CI and certificates. Needs root, mmdebstrap, git.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/machine.sh
. "$repository/scripts/machine.sh"
suite=${1:-bookworm}
shift || true
if [ -z "${WORK:-}" ]; then work=$(mktemp -d); else mkdir -p "$WORK"; work=$(realpath "$WORK"); fi
root=$work/$suite
packages=$(sed -nE 's/.*install --yes --no-install-recommends (.*)/\1/p' "$repository/.github/workflows/ci.yml" | sed -n 1p)

finish() { if [ -z "${WORK:-}" ]; then rm -rf --one-file-system "$work"; fi; }
trap finish EXIT

make_root() {
  if [ -e "$root/etc/debian_version" ]; then return; fi
  mmdebstrap --quiet --variant=apt --include="${packages// /,}" "$suite" "$root" "$(debian_archive)"
  cp --dereference /etc/resolv.conf /etc/hosts "$root/etc"
  pip_configuration >"$root/etc/pip.conf"
}

clone() {
  rm -rf --one-file-system "$root/srv/clone"
  git clone --quiet "$repository" "$root/srv/clone"
}

# In a mount and process namespace of its own: mounts and processes are gone when the command ends.
inside() {
  local -a kept paths
  mapfile -t paths < <(pip_paths "$root/etc/pip.conf")
  mapfile -t kept < <(env | grep -E '^(PAG_[A-Z_]+|PERFORATED_CONV_[A-Z_]+|CI|SSL_CERT_FILE|REQUESTS_CA_BUNDLE)=' || true)
  # shellcheck disable=SC2016  # the inner shell expands
  unshare --mount --pid --fork --kill-child bash -euc '
    root=$1; shift
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/tmp"
    while [ "$1" != -- ]; do
      if [ -d "$1" ]; then mkdir -p "$root$1"; else mkdir -p "$root$(dirname "$1")"; touch "$root$1"; fi
      mount --bind "$1" "$root$1"
      shift
    done
    shift
    exec chroot "$root" env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
  ' bash "$root" "${paths[@]}" -- "${kept[@]}" sh -c 'cd /srv/clone && exec "$@"' sh "$@"
}

# What a newcomer does first, and how long until it answers.
# shellcheck disable=SC2016  # the shell in the root expands
serve='
make serve & export SERVER=$!
python3 -c "
import os, time, urllib.request
begun = time.monotonic()
while True:
    try:
        answer = urllib.request.urlopen(\"http://127.0.0.1:\" + os.environ[\"PAG_PORT\"] + \"/readyz\", timeout=5)
        print(answer.status, answer.read().decode())
        print(f\"ready after {time.monotonic() - begun:.0f} s, installation included\")
        break
    except OSError:
        os.kill(int(os.environ[\"SERVER\"]), 0)
        time.sleep(1)
"
kill "$SERVER"; wait "$SERVER" || true
'

make_root
clone
if [ $# -gt 0 ]; then
  inside "$@"
else
  PAG_PORT=${PORT:-18100} inside sh -euc "$serve"
fi
