# make demo: one modem's way to its certificate, in network namespaces, with a real
# DHCP server and client, a router in between, and captures as the only witness.

.PHONY: demo
demo:
	@test "$$(id -u)" = 0 || \
		{ echo "make demo makes network namespaces: run it as root (sudo make demo)" >&2; exit 1; }
	@sh tools/packages.sh build demo
	@$(MAKE) --no-print-directory BUILD=release O=build/release all; rc=$$?; \
		chown -R --reference=. build 2>/dev/null; exit $$rc
	@PYTHONDONTWRITEBYTECODE=1 timeout -k 20 300 /usr/bin/python3 test/demo/demo.py build/release/bin
