# shellcheck shell=bash
# Functions for scripts that make a Debian root of their own: this machine's archive and its configuration of pip.

# The archive of the machine's apt sources; mmdebstrap finds the keyring of a suite by itself.
# shellcheck disable=SC2016  # apt-get fills in $(REPO_URI), not the shell
debian_archive() {
  local codename
  # shellcheck source=/dev/null
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  apt-get indextargets --format '$(REPO_URI)' \
    'Identifier: Packages' 'Component: main' "Release: $codename" | sed -n 1p
}

# pip's configuration, files and environment in one; the environment comes first in pip's list and wins.
pip_configuration() {
  echo "[global]"
  python3 -m pip config list |
    sed -nE "s/^(:env:|install|global)\.([a-z-]+)='(.*)'$/\2 = \3/p" |
    awk -F' = ' '!seen[$1]++'
}

# $1: a file made by pip_configuration. The paths that it names on this machine: a certificate, a folder of wheels; of
# a file: index its parent too, where the files lie that the index points to.
pip_paths() {
  local path
  for path in $(sed -nE 's/^[a-z-]+ = //p' "$1" | tr ' ' '\n' | sed -E 's,^file://(.*)/[^/]+/?$,\1,' | sort -u); do
    case $path in
      /*) if [ -e "$path" ]; then echo "$path"; fi ;;
    esac
  done
}
