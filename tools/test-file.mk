# test_file fails the n-th of these calls, for every n.
LDFLAGS_test_file := -Wl,--wrap=openat -Wl,--wrap=write -Wl,--wrap=fsync \
	-Wl,--wrap=renameat -Wl,--wrap=unlinkat -Wl,--wrap=pread
