#!/bin/sh
# Unpacks valgrind into build/valgrind for a machine where it is not installed, with the C library's
# symbols that it needs to start. build/valgrind/valgrind is then the command.
set -eu

scripts=$(cd "$(dirname "$0")" && pwd)
target=$(dirname "$scripts")/build/valgrind

if command -v valgrind >/dev/null || [ -x "$target/valgrind" ]; then exit 0; fi
libc=$(dpkg-query --show --showformat='${Version}' libc6)
"$scripts/fetch_debian.sh" "$target" valgrind "libc6-dbg=$libc"

# In a folder other than the system's, valgrind finds symbols by the path of what they belong to.
symbols=$target/usr/lib/debug
library=$(dirname "$(readlink -f /lib64/ld-linux-x86-64.so.2)")
mkdir -p "$symbols$library"
ln -sf "$symbols"/.build-id/*/*.debug "$symbols$library"

cat >"$target/valgrind" <<END
#!/bin/sh
export VALGRIND_LIB='$target/usr/libexec/valgrind'
exec '$target/usr/bin/valgrind.bin' --extra-debuginfo-path='$symbols' "\$@"
END
chmod +x "$target/valgrind"
