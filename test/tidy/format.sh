#!/bin/sh
# every C file is as clang-format would write it
set -u
command -v clang-format >/dev/null || { echo "clang-format is not installed"; exit 1; }
wrong=$(find src test -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run 2>&1 |
	sed -nE 's/^([^:]*):[0-9]+:[0-9]+: .*/\1/p' | sort | uniq -c)
[ -z "$wrong" ] || { echo "places that clang-format -i would change:"; printf '%s\n' "$wrong"; exit 1; }
