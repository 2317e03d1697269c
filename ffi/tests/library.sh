#!/bin/sh
# What the dynamic linker and packagers see of an installation.
#
#   library.sh STAGE
set -eu

stage=$1
library=$stage/lib/libedgecmp.so
fail() { echo "FAILED: $*" >&2; exit 1; }

dynamic=$(readelf -dW "$library")
echo "$dynamic" | grep -q 'SONAME.*\[libedgecmp\.so\.0\]' || fail "the soname is not libedgecmp.so.0"
echo "$dynamic" | grep -q 'FLAGS_1.*NODELETE' || fail "the library can be unloaded under its threads"
[ -e "$stage/lib/libedgecmp.so.0" ] || fail "no link with the name of the soname"

# The ABI is the header: no function more, no function less.
exported=$(nm -D --defined-only "$library" | sed -n 's/.* T //p' | sort)
declared=$(sed -n 's/^[^/ *#].*[ *]\(edgecmp_[a-z0-9_]*\)(.*/\1/p' "$stage/include/edgecmp.h" | grep -v typedef | sort)
[ "$exported" = "$declared" ] || fail "exported and declared functions differ:
$(printf '%s\n' "$exported" >"$stage/exported"; printf '%s\n' "$declared" | diff "$stage/exported" -)"

export PKG_CONFIG_PATH="$stage/lib/pkgconfig"
version=$(pkg-config --modversion edgecmp)
strings "$library" | grep -qx "$version" || strings "$library" | grep -q "$version" || fail "edgecmp.pc says $version"
echo "ok library: soname, symbols ($(printf '%s\n' "$exported" | wc -l)), pkg-config $version"
