# make check: packages, two compilers, every test.  One closing line:
# "N passed, N failed, N skipped".
#
#   make check        all of it (as root everything; else what needs root is skipped)
#   make check-fast   one compiler, the tests that take seconds; what mutants must fail
#   make check-full   check, clang-tidy and cppcheck
#   make packages     only install what is missing

.PHONY: packages check check-fast check-full

packages:
	@sh tools/packages.sh build demo check

check:
	@sh tools/packages.sh build check
	@bash tools/check.sh all

check-fast:
	@bash tools/check.sh fast

check-full:
	@sh tools/packages.sh build check check-full
	@bash tools/check.sh full
