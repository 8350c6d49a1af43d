#!/bin/sh
# I4: a role of fieldcertd includes nothing of what it must never hold
set -u
cd src/cmd/fieldcertd || exit 1
failed=0

# Every header that a file includes, directly or by way of fieldcertd's own.
closure() {
	todo=$1 seen=''
	while [ -n "$todo" ]; do
		next=''
		for f in $todo; do
			for h in $(sed -nE 's/^[ \t]*#[ \t]*include[ \t]*"([^"]*)".*/\1/p' "$f"); do
				case " $seen " in *" $h "*) continue ;; esac
				seen="$seen $h"
				case $h in cmd/fieldcertd/*) next="$next ${h##*/}" ;; esac
			done
		done
		todo=$next
	done
	printf '%s\n' $seen
}

# forbid ROLE FILES PATTERN: a file that is not there yet forbids nothing
forbid() {
	role=$1 pattern=$3
	for f in $2; do
		[ -f "$f" ] || continue
		bad=$(closure "$f" | grep -E "$pattern")
		[ -z "$bad" ] && continue
		failed=1
		echo "src/cmd/fieldcertd/$f ($role) includes" $bad
	done
}

# a role's files: its own, and those that include its own header
files() {
	{
		ls "$1".c "$1"[a-z]*.c 2>/dev/null
		[ ! -f "$1.h" ] || grep -lE "\"cmd/fieldcertd/$1\.h\"" -- *.c
	} | sort -u
}

for role in front registrar signer parent; do
	[ -f "$role.c" ] || { failed=1; echo "there is no src/cmd/fieldcertd/$role.c"; }
done
forbid front "$(files front)" '^(store/|crypto/(x509issue|keybox|x509issuer|privatekey|keygen))'
forbid registrar "$(files registrar)" '^(sys/udp|crypto/(keybox|x509issuer|privatekey|keygen))'
forbid signer "$({ files signer; ls sign*.c 2>/dev/null; } | sort -u)" '^(store/|sys/udp|core/desk|core/xfer)'
forbid parent "$(files parent)" '^(store/|wire/tftp|wire/name|core/|crypto/(x509issue|keybox|privatekey))'
exit $failed
