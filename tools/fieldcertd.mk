# The parts of fieldcertd that are tested by themselves, as tools/ctl.mk does it.

fieldcertd_obj = $(foreach o,$(1),$(O)/obj/cmd/fieldcertd/$(o).o)

fieldcertd_of_child  := child
fieldcertd_of_estate := estate check

define fieldcertd_test
LDFLAGS_test_$(1) := $(call fieldcertd_obj,$(fieldcertd_of_$(1)))
$(O)/test/unit/test_$(1): $(call fieldcertd_obj,$(fieldcertd_of_$(1)))
endef
$(foreach t,child estate,$(eval $(call fieldcertd_test,$(t))))
