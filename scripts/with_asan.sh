#!/bin/sh
# Runs a command under AddressSanitizer whose program is not built with it, but loads a library that is.
#
#   with_asan.sh COMMAND...
set -eu

compiler=${CXX:-c++}
preload=
# The C++ library as well: the sanitizer looks for its functions of exceptions before others load it.
for name in libasan.so libstdc++.so.6; do
  file=$("$compiler" -print-file-name=$name)
  [ -e "$file" ] || { echo "$compiler has no $name" >&2; exit 1; }
  preload="$preload $file"
done

# An interpreter does not free what lives until it ends.
export ASAN_OPTIONS=detect_leaks=0
LD_PRELOAD=$preload exec "$@"
