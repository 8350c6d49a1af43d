# Unit tests, virtual-time tests and fuzz targets: one program a file.
#
#   test/unit/test_*.c  test/sim/sim_*.c   cmocka programs
#   test/fuzz/fuzz_*.c                     LLVMFuzzerTestOneInput, with the seeds
#                                          in test/fuzz/corpus/<name>/

test_libs := $(foreach l,shared agent core crypto store conf sys wire base,$(call lib_file,$(l)))
test_ext  := -lcmocka -lcrypto -lsqlite3 -lconfuse -lseccomp

UNIT_TESTS := $(patsubst test/unit/%.c,%,$(wildcard test/unit/test_*.c))
SIM_TESTS  := $(patsubst test/sim/%.c,%,$(wildcard test/sim/sim_*.c))
FUZZ       := $(patsubst test/fuzz/fuzz_%.c,%,$(wildcard test/fuzz/fuzz_*.c))

$(O)/obj/test/%.o: test/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(CPPFLAGS) -Itest $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/test/unit/%: $(O)/obj/test/unit/%.o $(test_libs)
	@mkdir -p $(@D)
	@echo "  LINK    $@"
	@$(CC) $(LDFLAGS) $(LDFLAGS_$(*)) -o $@ $< -Wl,--start-group $(test_libs) -Wl,--end-group $(test_ext)

$(O)/test/sim/%: $(O)/obj/test/sim/%.o $(test_libs)
	@mkdir -p $(@D)
	@echo "  LINK    $@"
	@$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(test_libs) -Wl,--end-group $(test_ext)

# the same target twice: replaying its corpus, or searching (BUILD=fuzz, clang)
$(O)/test/fuzz/replay_%: $(O)/obj/test/fuzz/fuzz_%.o $(O)/obj/test/fuzz/replay.o $(test_libs)
	@mkdir -p $(@D)
	@echo "  LINK    $@"
	@$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(test_libs) -Wl,--end-group $(test_ext)

$(O)/test/fuzz/search_%: $(O)/obj/test/fuzz/fuzz_%.o $(test_libs)
	@mkdir -p $(@D)
	@echo "  LINK    $@"
	@$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) -Wl,--start-group $(test_libs) -Wl,--end-group $(test_ext)

.SECONDARY:

.PHONY: tests
tests: $(UNIT_TESTS:%=$(O)/test/unit/%) $(SIM_TESTS:%=$(O)/test/sim/%) $(FUZZ:%=$(O)/test/fuzz/replay_%)
