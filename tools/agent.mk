# test/unit/test_flash.c: the program's own objects, and each system call that changes
# the disk counted, so that it can fail or be the last before a power cut
agent_obj := $(foreach f,flash export,$(O)/obj/cmd/agent/$(f).o)

LDFLAGS_test_flash = $(agent_obj) $(foreach f,openat write fsync renameat renameat2 \
	unlinkat mkdirat close,-Wl,--wrap=$(f)) $(call lfs_wrap,openat)
$(O)/test/unit/test_flash: $(agent_obj)
