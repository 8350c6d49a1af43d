# The registrar as a whole, with a test in the places of its parent, front and signer.

registrar_obj := $(foreach o,registrar outbox request making issuers table ctlsocket \
	status child,$(O)/obj/cmd/fieldcertd/$(o).o)
LDFLAGS_test_registrar := $(registrar_obj)
$(O)/test/unit/test_registrar: $(registrar_obj)
$(O)/test/fuzz/replay_registrar $(O)/test/fuzz/search_registrar: \
	$(filter-out %/registrar.o,$(registrar_obj))
