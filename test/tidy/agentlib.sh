#!/bin/sh
# A11: the agent library asks for libcrypto and a little of libc, and stands on those
set -u
O=${O:-build/release}
lib=$O/lib/libfieldcert-agent.a
# memory and strings; what OpenSSL's own users need anyway; our own bugs
libc="memchr memcmp memcpy memmem memmove memset bcmp strlen strcmp strncmp strncasecmp
	snprintf timegm malloc calloc free explicit_bzero __assert_fail __stack_chk_fail
	__memcpy_chk __memmove_chk __memset_chk __explicit_bzero_chk __snprintf_chk"
flags=
failed=0

[ -s "$lib" ] || { echo "$lib is not built"; exit 1; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

crypto=$(find /usr/lib /lib -name 'libcrypto.so' -print 2>/dev/null | head -n 1)
[ -n "$crypto" ] || { echo "libcrypto.so is not there"; exit 1; }
nm --defined-only "$lib" | awk 'NF == 3 { print $3 }' >"$work/known"
nm -D --defined-only "$crypto" | awk '{ sub(/@.*/, "", $3); print $3 }' >>"$work/known"
printf '%s\n' $libc >>"$work/known"
nm -u "$lib" | awk '$1 == "U" { print $2 }' | sort -u >"$work/asked"

# a build with instruments brings their names along
grep -q '^__asan_' "$work/asked" && flags="-fsanitize=address,undefined"
grep -q '^__gcov_' "$work/asked" && flags="$flags --coverage"
strange=$(grep -vxF -f "$work/known" "$work/asked" |
	grep -Ev '^__(asan|ubsan|gcov|sanitizer|sancov)_' || true)
[ -z "$strange" ] || { echo "the agent library asks for:" $strange; failed=1; }

# linked with libcrypto alone, and run
if ${CC:-cc} -D_GNU_SOURCE -Isrc -std=c11 $flags -o "$work/port" test/tidy/agentlib.c \
	"$lib" -lcrypto 2>"$work/said"; then
	"$work/port" || { echo "the smallest port does not ask for its file"; failed=1; }
else
	cat "$work/said"
	failed=1
fi
exit $failed
