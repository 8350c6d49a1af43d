#!/bin/sh
# Search with each fuzz target for its share of the time:
#   tools/fuzz.sh BUILD-FOLDER SECONDS NAME...
#
# Inputs found on the way are kept in BUILD-FOLDER/corpus/NAME and used the next time;
# those that crash are in BUILD-FOLDER/crash.  Status 0 only if nothing crashed.
set -u
out=$1 total=$2
shift 2
left=$# failed=0
finish=$(($(date +%s) + total))
mkdir -p "$out/crash" "$out/log" || exit 1

for name; do
	share=$(((finish - $(date +%s)) / left))
	[ "$share" -ge 1 ] || share=1
	left=$((left - 1))
	work=$out/corpus/$name log=$out/log/$name.log
	mkdir -p "$work" || exit 1
	[ ! -d "test/fuzz/corpus/$name" ] || cp "test/fuzz/corpus/$name"/* "$work/" 2>/dev/null
	printf '  FUZZ    %-16s %5d s ' "$name" "$share"
	timeout -k 5 $((share + 60)) "$out/test/fuzz/search_$name" -max_total_time="$share" \
		-timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$out/crash/$name-" "$work" >"$log" 2>&1 </dev/null
	rc=$?
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	kept=$(find "$work" -type f | wc -l)
	printf '%10s runs, %5d inputs kept' "${runs:-0}" "$kept"
	if [ "$rc" = 0 ] && [ "${runs:-0}" -gt 0 ]; then
		printf '\n'
		continue
	fi
	failed=$((failed + 1))
	printf ', FAILED (status %d)\n' "$rc"
	grep -E 'ERROR:|SUMMARY:|Assertion|runtime error|Test unit written' "$log" | sed 's/^/        | /'
	echo "        | log: $log; again: $out/test/fuzz/search_$name INPUT"
done

if [ "$failed" != 0 ]; then
	echo "fuzz: $failed target(s) failed" >&2
	exit 1
fi
