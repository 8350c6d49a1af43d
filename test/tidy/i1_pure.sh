#!/bin/sh
# I1: base, wire and core ask nothing of the system but what pure-symbols.txt lists
set -u
O=${O:-build/release}
archives="$O/lib/libbase.a $O/lib/libwire.a $O/lib/libcore.a"
failed=0

for a in $archives; do
	[ -s "$a" ] || { echo "$a is not built"; exit 1; }
done
own=$(nm --defined-only $archives | awk 'NF == 3 { print $3 }')
allowed=$(sed 's/#.*//' test/tidy/pure-symbols.txt)

for a in $archives; do
	# lines "file.o:" and "   U symbol"
	nm -u "$a" | awk '/:$/ { file = $1 } $1 == "U" { print file, $2 }' |
		while read -r file symbol; do
			printf '%s\n' "$own" "$allowed" | tr -s ' \t' '\n' | grep -qxF -- "$symbol" ||
				echo "$(basename "$a")($file asks for $symbol"
		done
done | sed 's/:* asks/) asks/' | sort -u | grep . && failed=1
exit $failed
