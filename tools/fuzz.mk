# Fuzzing: test/fuzz/fuzz_<name>.c, seeds in test/fuzz/corpus/<name>/.
#
#   make fuzz DURATION=600    search for 10 minutes in all, the time shared among the
#                             targets (clang; objects and findings in build/fuzz)
#   make fuzz FUZZ="ipc name" only these targets
#   make fuzz-replay          run every corpus through its target, without a search

DURATION ?= 60
FUZZ_OUT ?= build/fuzz

# FUZZ, by default all of them, as in test.mk
fuzz_names := $(or $(FUZZ),$(patsubst test/fuzz/fuzz_%.c,%,$(wildcard test/fuzz/fuzz_*.c)))

.PHONY: fuzz fuzz-search fuzz-replay

fuzz:
	@$(MAKE) --no-print-directory BUILD=fuzz CC=clang O=$(FUZZ_OUT) fuzz-search

fuzz-search: $(fuzz_names:%=$(O)/test/fuzz/search_%)
	@sh tools/fuzz.sh $(O) $(DURATION) $(fuzz_names)

fuzz-replay: $(fuzz_names:%=$(O)/test/fuzz/replay_%)
	@for name in $(fuzz_names); do \
		printf '  REPLAY  %-16s ' $$name; \
		$(O)/test/fuzz/replay_$$name test/fuzz/corpus/$$name 2>$(O)/test/fuzz/replay.log || { \
			tail -n 30 $(O)/test/fuzz/replay.log; exit 1; }; \
	done
