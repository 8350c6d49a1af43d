#!/bin/sh
# a function has at most 70 lines from brace to brace; a line at most 100 characters
set -u
wrong=$(find src test -name '*.[ch]' -print0 | xargs -0 awk '
	FNR == 1 { start = 0 }
	/^[a-zA-Z_].*\(/ { name = $0 }
	/^\{/ { start = FNR }
	/^\}/ {
		if (start && FNR - start + 1 > 70)
			printf "%s:%d: %d lines: %s\n", FILENAME, start, FNR - start + 1, name
		start = 0
	}
	length($0) > 100 { printf "%s:%d: a line of %d characters\n", FILENAME, FNR, length($0) }
')
[ -z "$wrong" ] || { printf '%s\n' "$wrong"; exit 1; }
