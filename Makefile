# fieldcert: one plain GNU make.
#
#   make                 build everything into build/release/bin
#   make BUILD=asan      the same with AddressSanitizer and UBSan (also: debug, cov, fuzz)
#   make check           build with two compilers, run every test        (sudo)
#   make demo            one modem's way to its certificate, on real parts (sudo)
#   make fuzz DURATION=60, make mutants, make install, make help
#
# Each folder of src/ below cmd/ is one static archive; the order in which a
# program names them is the order of the layers (ARCHITECTURE.md, invariant I3).

BUILD ?= release
O     ?= build/$(BUILD)
ifeq ($(origin CC),default)
CC    := $(if $(filter fuzz,$(BUILD)),clang,gcc)
endif
AR    ?= ar
WERROR ?=
PREFIX ?= /usr
DESTDIR ?=

VERSION := 0.1.0

is_clang := $(shell $(CC) --version 2>/dev/null | grep -c clang)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion \
	-Wcast-qual -Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wpointer-arith -Wformat=2 -Wundef -Wvla \
	-Wswitch-enum -Wimplicit-fallthrough -Wnull-dereference -Wdouble-promotion
ifeq ($(is_clang),0)
WARN += -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wjump-misses-init \
	-Wcast-align=strict -Walloca -Wdate-time
endif

# what only some processors have, where the compiler makes it for this one
cc_has = $(shell echo 'int x;' | $(CC) -Werror $(1) -x c -c -o /dev/null - 2>/dev/null && echo $(1))

HARDEN := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -ftrivial-auto-var-init=zero \
	$(call cc_has,-fstack-clash-protection) $(call cc_has,-fcf-protection=full)
ifneq ($(is_clang),0)
HARDEN += -enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang
endif

mode_release := -O2 $(HARDEN)
mode_debug   := -O0 -g3
mode_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
mode_cov     := -O0 -g --coverage -DJAIL_RELAXED
mode_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
ifeq ($(mode_$(BUILD)),)
$(error BUILD=$(BUILD) is none of release debug asan cov fuzz)
endif

# dates beyond 2038 on 32 bits, too
CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -DFIELDCERT_VERSION='"$(VERSION)"' -DOPENSSL_API_COMPAT=30000 \
	-Isrc -include src/base/banned.h
CFLAGS   += -std=c11 -g $(mode_$(BUILD)) -fPIE $(WARN) $(WERROR)
LDFLAGS  += $(mode_$(BUILD)) -pie -Wl,-z,relro,-z,now -Wl,--as-needed

# ---------------------------------------------------------------- the layers
LIBS := base wire core crypto store conf sys agent
lib_srcs = $(wildcard src/$(1)/*.c)
lib_objs = $(patsubst src/%.c,$(O)/obj/%.o,$(call lib_srcs,$(1)))
lib_file = $(O)/lib/lib$(1).a

PROGRAMS := fieldcertd fieldcert-agent fieldcertctl
dir_fieldcertd      := fieldcertd
dir_fieldcert-agent := agent
dir_fieldcertctl    := ctl

# what each program is made of, upper layers first, then the libraries it may use
use_fieldcertd      := shared core crypto store conf sys wire base
use_fieldcert-agent := agent core crypto conf sys wire base
use_fieldcertctl    := shared core crypto store conf sys wire base
ext_fieldcertd      := -lcrypto -lsqlite3 -lconfuse -lseccomp
ext_fieldcert-agent := -lcrypto -lconfuse
ext_fieldcertctl    := -lcrypto -lsqlite3 -lconfuse

BINS := $(PROGRAMS:%=$(O)/bin/%)

.PHONY: all
all: $(BINS) $(O)/lib/libfieldcert-agent.a

.DELETE_ON_ERROR:
.SUFFIXES:

$(O)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define archive
$(call lib_file,$(1)): $(call lib_objs,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	@echo "  AR      $$@"
	@$(AR) rcs $$@ $$^
endef
$(foreach l,$(LIBS),$(eval $(call archive,$(l))))

# cmd/shared is an archive too: what fieldcertd and fieldcertctl both do
shared_objs := $(patsubst src/%.c,$(O)/obj/%.o,$(wildcard src/cmd/shared/*.c))
$(O)/lib/libshared.a: $(shared_objs)
	@mkdir -p $(@D)
	@rm -f $@
	@echo "  AR      $@"
	@$(AR) rcs $@ $^

define program
objs_$(1) := $$(patsubst src/%.c,$(O)/obj/%.o,$$(wildcard src/cmd/$$(dir_$(1))/*.c))
$(O)/bin/$(1): $$(objs_$(1)) $$(foreach l,$$(use_$(1)),$$(call lib_file,$$(l)))
	@mkdir -p $$(@D)
	@echo "  LINK    $$@"
	@$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(ext_$(1))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

include $(wildcard tools/*.mk)

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)

.PHONY: clean
clean:
	rm -rf build

define help_text
Build
  make                     programs into $(O)/bin/, the agent library into $(O)/lib/
  make BUILD=asan          with AddressSanitizer and UBSan; also debug, cov, fuzz
  make CC=clang O=FOLDER   with another compiler, into a folder of its own
  make clean
Test
  make check               two compilers, every test, every rule of the tree   (sudo)
  make check-fast          what a change needs within a minute
  make check-full          check, then clang-tidy and cppcheck                 (sudo)
  make tests               builds the test programs only
  make fuzz DURATION=600   searches; FUZZ="ipc name" only with these targets
  make fuzz-replay         runs every corpus through its target
  make mutants             plants faults; the tests must notice; ONLY=word     (sudo)
  make demo                one modem's way to its certificate, on real parts   (sudo)
Install
  make install             under PREFIX (/usr) below DESTDIR                   (sudo)
  make uninstall
  make packages            what the rest needs from Debian (packages.txt)      (sudo)
endef

.PHONY: help
help:
	$(info $(help_text))
	@:
