# libfieldcert-agent.a: the agent's portable part for firmware that is not Linux
# (SPEC A11, doc/porting.md).  It needs libcrypto and a few functions of libc; which,
# test/tidy/agentlib.sh knows and checks.

agentlib_core   := enrol fetch
agentlib_crypto := authcode der evpkey hkdf keybox privatekey spki x509cert x509check x509facts \
	x509time
agentlib_srcs   := $(foreach l,base wire agent,$(call lib_srcs,$(l))) \
	$(agentlib_core:%=src/core/%.c) $(agentlib_crypto:%=src/crypto/%.c)
# of wire what the agent speaks, not the server's inner messages
agentlib_srcs   := $(filter-out $(addprefix src/wire/,codec.c control.c ipc.c),$(agentlib_srcs))
agentlib_objs   := $(patsubst src/%.c,$(O)/obj/%.o,$(agentlib_srcs))

$(O)/lib/libfieldcert-agent.a: $(agentlib_objs)
	@mkdir -p $(@D)
	@rm -f $@
	@echo "  AR      $@"
	@$(AR) rcs $@ $^
