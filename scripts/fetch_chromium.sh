#!/bin/sh
# Unpacks Debian's Chromium, with the libraries and the font that this machine lacks, into build/chromium for the
# tests of the page. build/chromium/chromium is then the command. Nothing is installed.
set -eu

scripts=$(cd "$(dirname "$0")" && pwd)
target=$(dirname "$scripts")/build/chromium
packages="chromium fontconfig-config fonts-dejavu-core"

fail() {
  echo "$*: install it (Debian: apt-get install chromium), or name one by PAG_CHROMIUM=/path/to/chromium" >&2
  exit 1
}

# What apt would install, one name a line. The list of packages is split on purpose.
missing() {
  # shellcheck disable=SC2086
  apt-get -s install --no-install-recommends $packages 2>/dev/null | awk '/^Inst/ {print $2}'
}

# The unpacked fonts beside the system's, since a system without any cannot draw a letter.
write_font_configuration() {
  cat >"$target/fonts.conf" <<END
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>$target/usr/share/fonts</dir>
  <cachedir>$target/font-cache</cachedir>
</fontconfig>
END
}

# Folders of libraries; some packages keep theirs one level deeper.
library_path() {
  find "$target/lib" "$target/usr/lib" -name 'lib*.so*' -not -path "$target/usr/lib/chromium/*" -printf '%h\n' 2>/dev/null |
    sort -u | paste -sd:
}

write_command() {
  cat >"$target/chromium" <<END
#!/bin/sh
export LD_LIBRARY_PATH='$(library_path)'
export FONTCONFIG_FILE='$target/fonts.conf'
exec '$target/usr/lib/chromium/chromium' "\$@"
END
  chmod +x "$target/chromium"
}

if [ -n "${PAG_CHROMIUM:-}" ] || command -v chromium >/dev/null || [ -x "$target/chromium" ]; then exit 0; fi
command -v apt-get >/dev/null || fail "Chromium is missing"
names=$(missing)
[ -n "$names" ] || { apt-get -qq update >&2 && names=$(missing); } || true
[ -n "$names" ] || fail "apt knows no Chromium"
# shellcheck disable=SC2086
"$scripts/fetch_debian.sh" "$target" $names || fail "Chromium cannot be fetched"
# Ubuntu's package of that name holds no browser.
[ -x "$target/usr/lib/chromium/chromium" ] || fail "the package chromium holds no browser here"
write_font_configuration
write_command
"$target/chromium" --version >&2 || { rm "$target/chromium"; fail "the unpacked Chromium does not start"; }
