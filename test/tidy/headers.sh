#!/bin/sh
# every header of src/ compiles alone and guards itself by its path
set -u
wrong=$(find src -name '*.h' | sort | while read -r h; do
	guard=$(echo "${h#src/}" | sed 's,^cmd/,,' | tr 'a-z/.-' 'A-Z___')
	grep -qE "^#ifndef (CMD_)?$guard\$" "$h" || echo "$h: its guard is not $guard"
	said=$(printf '#include "%s"\n' "${h#src/}" |
		gcc -std=c11 -D_GNU_SOURCE -Isrc -include src/base/banned.h -fsyntax-only -x c - 2>&1) ||
		printf '%s does not compile alone\n%s\n' "$h" "$said"
done)
[ -z "$wrong" ] || { printf '%s\n' "$wrong"; exit 1; }
