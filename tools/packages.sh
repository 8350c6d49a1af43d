#!/bin/sh
# Install what is missing of packages.txt for the named groups ("build demo").
#
# Nothing missing: nothing is done, no network is needed.  Otherwise apt-get, asking
# nothing, keeping every configuration file that the user has; no service is started
# meanwhile, and no package that is there already is asked to change.
set -eu

list=$(dirname "$0")/../packages.txt
policy=/usr/sbin/policy-rc.d

if ! command -v dpkg-query >/dev/null; then
	echo "packages: no Debian system here; what packages.txt names must be installed by hand"
	exit 0
fi

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=
for group; do
	for choice in $(awk -v g="$group" '$1 == g { print $2 }' "$list"); do
		found=
		for name in $(echo "$choice" | tr '|' ' '); do
			if installed "$name"; then
				found=1
				break
			fi
		done
		name=${choice%%|*}
		case " $missing " in
		*" $name "*) found=1 ;;
		esac
		[ "$found" ] || missing="$missing $name"
	done
done

if [ -z "$missing" ]; then
	echo "packages: everything for '$*' is installed"
else
	echo "packages: missing:$missing"
	if [ "$(id -u)" != 0 ]; then
		echo "packages: run this once, then try again:" >&2
		echo "    sudo apt-get install --no-install-recommends$missing" >&2
		exit 1
	fi

	export DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none
	export NEEDRESTART_SUSPEND=1 LC_ALL=C.UTF-8
	log=$(mktemp)
	ours=
	tidy() {
		[ -z "$ours" ] || rm -f "$policy"
		rm -f "$log" "$log.rc"
	}
	trap tidy EXIT
	trap 'exit 130' INT TERM HUP
	if [ ! -e "$policy" ] && [ ! -L "$policy" ]; then
		ours=1
		printf '#!/bin/sh\n# fieldcert, while it installs packages: start no service\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi

	# one line for each package fetched and set up; all the rest is in the log
	quietly() {
		rc=0
		{
			"$@" 2>&1 || echo $? >"$log.rc"
		} | tee -a "$log" | sed -nu \
			-e 's/^Get:\([0-9]*\) [^ ]* [^ ]* [^ ]* \([^ ]*\) [^ ]* \([^ ]*\) \(.*\)$/  GET     \2 \3 \4/p' \
			-e 's/^Setting up \([^ ]*\) (\(.*\)) \.\.\.$/  SETUP   \1 \2/p'
		if [ -s "$log.rc" ]; then
			rc=$(cat "$log.rc")
			rm -f "$log.rc"
		fi
		return "$rc"
	}

	echo "packages: apt-get update"
	quietly apt-get -q -o DPkg::Lock::Timeout=300 update ||
		echo "packages: the package lists could not be brought up to date; going on with what there is"
	echo "packages: apt-get install$missing"
	# shellcheck disable=SC2086 # a list of words
	if ! quietly apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 \
		-o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef \
		-o Dpkg::Options::=--force-confold install $missing; then
		echo "packages: apt-get failed; its last words:" >&2
		tail -n 20 "$log" >&2
		exit 1
	fi
	echo "packages: done"
fi

if installed libssl-dev; then
	version=$(dpkg-query -W -f '${Version}' libssl-dev)
	if ! dpkg --compare-versions "$version" ge 3.0; then
		echo "packages: OpenSSL 3.0 or newer is needed, here is $version" >&2
		exit 1
	fi
fi
