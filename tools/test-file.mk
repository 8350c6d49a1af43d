# test_file fails the n-th of these calls, for every n.  Where off_t has 64 bits by
# request, some of them have another name.
lfs_wrap = $(foreach f,$(1),-Wl,--wrap=$(f)64,--defsym=__wrap_$(f)64=__wrap_$(f))

LDFLAGS_test_file := -Wl,--wrap=openat -Wl,--wrap=write -Wl,--wrap=fsync \
	-Wl,--wrap=renameat -Wl,--wrap=unlinkat -Wl,--wrap=pread $(call lfs_wrap,openat pread)
