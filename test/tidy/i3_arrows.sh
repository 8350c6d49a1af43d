#!/bin/sh
# I3: includes point down: cmd, agent, then core crypto store conf sys, then wire, base
set -u

# folder and the folders below src/ it may include from
arrows='
base	base
wire	wire base
core	core wire base
crypto	crypto wire base
store	store wire base
conf	conf wire base
sys	sys wire base
agent	agent core crypto wire base
cmd	cmd agent core crypto store conf sys wire base
'
wrong=$(grep -rnE '^[ 	]*#[ 	]*include[ 	]*"' src --include='*.[ch]' |
	sed -E 's/^(src\/([a-z]+)\/[^:]*:[0-9]+):.*"([^"]*)".*/\1 \2 \3/' |
	while read -r place folder header; do
		may=$(printf '%s\n' "$arrows" | sed -n "s/^$folder	//p")
		target=${header%%/*}
		case " $may " in
		*" $target "*) ;;
		*) echo "$place: src/$folder must not include $header" ;;
		esac
		[ -f "src/$header" ] || echo "$place: there is no src/$header (paths start at src/)"
		case $place in
		src/cmd/agent/*)
			[ "$target" != store ] || echo "$place: the agent must not include $header"
			;;
		esac
		# a program's own headers are nobody else's; cmd/shared is for all
		case $header in
		cmd/shared/*) ;;
		cmd/*)
			own=${place#src/} own=${own%/*}
			[ "$own" = "${header%/*}" ] || echo "$place: $header belongs to another program"
			;;
		esac
	done)
[ -z "$wrong" ] || { printf '%s\n' "$wrong"; exit 1; }
