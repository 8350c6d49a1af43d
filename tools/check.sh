#!/bin/bash
# Run the tests and count them: tools/check.sh fast|all|full|mutant
#
# Every step is bounded in time and keeps a log; a failure is shown with the name of
# its log.  Counted are test functions (cmocka, pytest), fuzz targets replayed and
# rules of the tree.  Environment: OUT, the folder for builds and logs.
#
# "mutant" is the behaviour in "fast", without the rules of the tree (which a changed
# line may break by its looks); it builds a test program and runs it, one after the
# other, those named in FIRST ("scenarios", too) before the others, and ends with the
# first failure.
set -u
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MAKELEVEL MFLAGS O BUILD CC
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1

what=${1:-all}
out=${OUT:-build/check}
logs=$out/logs
jobs=$(nproc)
passed=0 failed=0 skipped=0
started=$SECONDS
failures=()
mkdir -p "$logs" && rm -f "$logs"/*.log "$logs"/*.xml || exit 1

# started by sudo, leave nothing in the user's tree that he can't remove
hand_back() {
	if [ "$(id -u)" = 0 ]; then
		chown -R --reference=. "${out%%/*}" 2>/dev/null
	fi
}
case $out in /*) ;; *) trap hand_back EXIT ;; esac

say() { printf '%4d s  %s\n' $((SECONDS - started)) "$*"; }

# fault LOG TEXT: one failure, with the log's last words
fault() {
	failed=$((failed + 1))
	failures+=("$2: see $1")
	printf '  FAILED  %s: see %s\n' "$2" "$1"
	tail -n 25 "$1" | sed 's/^/        | /'
	[ "$what" != mutant ] || exit 1
}

# build NAME SECONDS MAKE-ARGUMENTS: objects are shown as they are made
build() {
	local name=$1 limit=$2 log=$logs/build-$1.log
	shift 2
	say "build $name"
	timeout -k 10 "$limit" make --no-print-directory -j"$jobs" "O=$out/$name" "$@" 2>&1 |
		tee "$log" | sed -u 's/^/  /'
	if [ "${PIPESTATUS[0]}" != 0 ]; then
		fault "$log" "build $name"
		return 1
	fi
}

# cmocka PROGRAM LABEL SECONDS: TAP on stdout, one line a test function
cmocka() {
	local label=$2 log rc ok bad skip planned
	log=$logs/${label//\//-}.log
	CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 10 "$3" "$1" >"$log" 2>&1 </dev/null
	rc=$?
	skip=$(grep -cE '^(not )?ok [0-9]+.*# SKIP' "$log")
	ok=$(($(grep -cE '^ok [0-9]+' "$log") - $(grep -cE '^ok [0-9]+.*# SKIP' "$log")))
	bad=$(($(grep -cE '^not ok [0-9]+' "$log") - $(grep -cE '^not ok [0-9]+.*# SKIP' "$log")))
	planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$log" | paste -sd+ | bc_sum)
	passed=$((passed + ok)) skipped=$((skipped + skip))
	printf '  TEST    %-40s %3d passed' "$label" "$ok"
	[ "$skip" = 0 ] || printf ', %d skipped' "$skip"
	[ "$bad" = 0 ] || printf ', %d failed' "$bad"
	printf '\n'
	[ "$skip" = 0 ] || sed -n 's/^.*skip: /        | skipped: /p' "$log" | sort -u
	if [ "$bad" -gt 0 ]; then
		grep -E '^not ok [0-9]+' "$log" | grep -v '# SKIP' | sed 's/^/        | /'
		failed=$((failed + bad - 1))
		fault "$log" "$label"
	elif [ "$rc" = 124 ] || [ "$rc" = 137 ]; then
		fault "$log" "$label (stopped after $3 s)"
	elif [ "$rc" != 0 ]; then
		fault "$log" "$label (ended with status $rc)"
	elif [ $((ok + skip)) = 0 ] || [ $((ok + skip)) != "$planned" ]; then
		fault "$log" "$label (ran $((ok + skip)) of $planned tests)"
	fi
}

bc_sum() {
	local text
	read -r text || text=0
	echo $((text))
}

# each PROGRAMS-FOLDER LABEL SECONDS: all test programs of a build
each() {
	local p n=0
	for p in "$1"/*; do
		[ -x "$p" ] && [ -f "$p" ] || continue
		cmocka "$p" "$2/${p##*/}" "$3"
		n=$((n + 1))
	done
	if [ "$n" = 0 ]; then
		echo "no test program in $1" >"$logs/none.log"
		fault "$logs/none.log" "$2"
	fi
}

# replay BUILD: the corpus of each fuzz target, one test a target
replay() {
	local src name log n=0
	for src in test/fuzz/fuzz_*.c; do
		name=${src##*/fuzz_} name=${name%.c}
		log=$logs/replay-$name.log
		n=$((n + 1))
		if timeout -k 10 120 "$out/$1/test/fuzz/replay_$name" "test/fuzz/corpus/$name" \
			>"$log" 2>&1 </dev/null; then
			passed=$((passed + 1))
			printf '  REPLAY  %-40s %s\n' "$name" "$(tail -n 1 "$log")"
		else
			fault "$log" "replay of $name"
		fi
	done
	[ "$n" -gt 0 ] || { echo "no fuzz target" >"$logs/none.log" && fault "$logs/none.log" replay; }
}

# rules COMMAND...: prints "ok RULE" or "not ok RULE", one line a rule
rules() {
	local log=$logs/tidy.log rc ok bad
	timeout -k 10 300 "$@" >"$log" 2>&1 </dev/null
	rc=$?
	ok=$(grep -c '^ok ' "$log")
	bad=$(grep -c '^not ok ' "$log")
	passed=$((passed + ok))
	printf '  RULES   %-40s %3d passed\n' "of the tree" "$ok"
	if [ "$bad" -gt 0 ]; then
		failed=$((failed + bad - 1))
		fault "$log" "rules of the tree"
	elif [ "$rc" != 0 ] || [ "$ok" = 0 ]; then
		fault "$log" "rules of the tree (status $rc)"
	fi
}

# scenarios BUILD SECONDS PYTEST-ARGUMENTS
scenarios() {
	local bin=$PWD/$out/$1/bin log=$logs/scenario.log xml=$logs/scenario.xml limit=$2 base rc n
	case $out in /*) bin=$out/$1/bin ;; esac
	shift 2
	base=$(mktemp -d "${TMPDIR:-/tmp}/fc.XXXXXX") || exit 1
	FIELDCERT_BIN=$bin timeout -k 20 "$limit" /usr/bin/python3 -m pytest -p no:cacheprovider \
		-v -rs --tb=short --color=no --basetemp="$base/t" --junitxml="$xml" \
		-o junit_logging=no "$@" test/scenario 2>&1 </dev/null |
		tee "$log" | sed -nuE 's/^test\/scenario\/([^ ]*) (PASSED|FAILED|ERROR|SKIPPED|XPASS).*$/  \2 \1/p'
	rc=${PIPESTATUS[0]}
	rm -rf "$base"
	if [ ! -s "$xml" ]; then
		fault "$log" "scenarios (status $rc)"
		return
	fi
	count() { grep -oE "<testsuite [^>]*" "$xml" | grep -oE " $1=\"[0-9]+\"" | grep -oE '[0-9]+' | head -n 1; }
	n=$(($(count failures) + $(count errors)))
	skipped=$((skipped + $(count skipped)))
	passed=$((passed + $(count tests) - n - $(count skipped)))
	grep '^SKIPPED' "$log" | sed 's/^/        | /'
	if [ "$n" -gt 0 ]; then
		sed -nE 's/^(FAILED|ERROR) (.*)$/        | \1 \2/p' "$log"
		failed=$((failed + n - 1))
		fault "$log" "scenarios"
	elif [ "$rc" != 0 ]; then
		fault "$log" "scenarios (status $rc)"
	fi
}

lint() {
	local log=$logs/clang-tidy.log
	say "clang-tidy"
	if find src -name '*.c' -print0 | timeout -k 10 1800 xargs -0 -P "$jobs" -n 4 sh -c \
		'exec clang-tidy --quiet "$@" -- -std=c11 -D_GNU_SOURCE -DFIELDCERT_VERSION=\"0\" -DOPENSSL_API_COMPAT=30000 -Isrc -include src/base/banned.h' \
		sh >"$log" 2>&1; then
		passed=$((passed + 1))
	else
		fault "$log" clang-tidy
	fi
	log=$logs/cppcheck.log
	say "cppcheck"
	if timeout -k 10 1800 cppcheck -j "$jobs" --quiet --std=c11 --inline-suppr --error-exitcode=1 \
		--enable=warning,style,performance,portability --suppressions-list=test/tidy/cppcheck.txt \
		-D_GNU_SOURCE -DFIELDCERT_VERSION='"0"' -Isrc src >"$log" 2>&1; then
		passed=$((passed + 1))
	else
		fault "$log" cppcheck
	fi
}

# one_by_one: build and run, so that a fault is met early
one_by_one() {
	local name kind had=" "
	for name in ${FIRST:-} $(cd test && echo unit/test_*.c sim/sim_*.c); do
		name=${name##*/} name=${name%.c} kind=sim
		case $had in *" $name "*) continue ;; esac
		had="$had$name "
		case $name in test_*) kind=unit ;; esac
		build gcc 600 "$out/gcc/test/$kind/$name"
		cmocka "$out/gcc/test/$kind/$name" "$kind/$name" 120
	done
}

case $what in
mutant)
	if [ "${FIRST:-}" = scenarios ]; then
		build gcc 600 all
		scenarios gcc 300 -m fast -x
		FIRST=
	fi
	one_by_one
	build gcc 600 all tests
	replay gcc
	scenarios gcc 300 -m fast -x
	;;
fast)
	if build gcc 600 WERROR=-Werror all tests; then
		say "unit tests and virtual-time tests"
		each "$out/gcc/test/unit" unit 120
		each "$out/gcc/test/sim" sim 300
		say "fuzz corpora"
		replay gcc
		say "scenarios, the fast ones"
		scenarios gcc 300 -m fast
	fi
	say "rules of the tree"
	rules env O="$out/gcc" sh test/tidy/run.sh
	;;
all | full)
	if build gcc 600 WERROR=-Werror all tests; then
		say "unit tests and virtual-time tests, as released"
		each "$out/gcc/test/unit" unit 120
		each "$out/gcc/test/sim" sim 300
		say "rules of the tree"
		rules env O="$out/gcc" sh test/tidy/run.sh
	fi
	build clang 600 CC=clang WERROR=-Werror all tests
	if build asan 600 BUILD=asan CC=clang tests; then
		say "unit tests, virtual-time tests and fuzz corpora, with sanitizers"
		each "$out/asan/test/unit" asan/unit 240
		each "$out/asan/test/sim" asan/sim 600
		replay asan
	fi
	if [ -x "$out/gcc/bin/fieldcertd" ]; then
		say "scenarios: real clients against the real server"
		scenarios gcc 900
	fi
	[ "$what" = all ] || lint
	;;
*)
	echo "usage: $0 fast|all|full|mutant" >&2
	exit 2
	;;
esac

say "done; logs are in $logs"
for f in ${failures[@]+"${failures[@]}"}; do
	echo "FAILED $f"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
