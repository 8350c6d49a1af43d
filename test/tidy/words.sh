#!/bin/sh
# words that announce unfinished work do not stand in the tree
set -u
wrong=$(grep -rnIwE 'TODO|FIXME|XXX|HACK|WIP|TBD' \
	src test tools man doc debian Makefile README.md ARCHITECTURE.md HACKING.md 2>/dev/null |
	grep -v '^test/tidy/words.sh:'
	grep -rnIiE '\b(not (yet )?implemented|unimplemented|placeholder|for now|stubs?|stubbed|dummy implementation)\b' \
		src tools man Makefile README.md ARCHITECTURE.md 2>/dev/null)
[ -z "$wrong" ] || { printf '%s\n' "$wrong"; exit 1; }
