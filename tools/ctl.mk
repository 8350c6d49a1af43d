# The parts of fieldcertctl that are tested by themselves: a program's objects are in
# no archive, so its tests name those that they need.

ctl_obj = $(foreach o,$(1),$(O)/obj/cmd/ctl/$(o).o)

ctl_of_csv    := csv
ctl_of_json   := json moment
ctl_of_args   := args
ctl_of_import := csv importrow
ctl_of_init   := initconf
ctl_of_importcheck := csv importrow importcheck talk args

define ctl_test
LDFLAGS_test_ctl_$(1) := $(call ctl_obj,$(ctl_of_$(1)))
$(O)/test/unit/test_ctl_$(1): $(call ctl_obj,$(ctl_of_$(1)))
endef
$(foreach t,csv json args import importcheck init,$(eval $(call ctl_test,$(t))))

$(O)/test/fuzz/replay_csv $(O)/test/fuzz/search_csv: $(call ctl_obj,csv importrow)
