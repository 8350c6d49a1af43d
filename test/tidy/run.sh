#!/bin/sh
# The rules of the tree, one script each: test/tidy/run.sh [BUILD-FOLDER]
#
# From the root of the tree; BUILD-FOLDER (or $O) is where the archives are that
# i1_pure.sh looks into.  Prints "ok RULE" or "not ok RULE" and what is wrong; status
# 0 only if every rule holds.
set -u
O=${1:-${O:-build/release}}
export O LC_ALL=C
failed=0

for script in test/tidy/*.sh; do
	rule=$(basename "$script" .sh)
	[ "$rule" != run ] || continue
	if said=$(sh "$script" 2>&1); then
		echo "ok $rule"
	else
		failed=$((failed + 1))
		echo "not ok $rule: $(sed -n '2s/^# *//p' "$script")"
		printf '%s\n' "$said" | sed 's/^/    /'
	fi
done
[ "$failed" = 0 ]
