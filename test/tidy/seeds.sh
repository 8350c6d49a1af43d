#!/bin/sh
# the seeds of the fuzz targets are what their programs write
set -u
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
for script in test/fuzz/make_seeds*.py; do
	python3 -c '
import os, runpy, sys
script = os.path.abspath(sys.argv[2])
os.chdir(sys.argv[1])
runpy.run_path(script, run_name="__main__")' "$tmp" "$script" || exit 1
done
failed=0
for made in "$tmp"/test/fuzz/corpus/*/*; do
	kept=${made#"$tmp"/}
	cmp "$made" "$kept" || failed=1
done
for f in test/fuzz/fuzz_*.c; do
	name=${f##*/fuzz_} name=${name%.c}
	ls test/fuzz/corpus/"$name"/* >/dev/null 2>&1 || { echo "fuzz_$name has no seed"; failed=1; }
done
exit $failed
