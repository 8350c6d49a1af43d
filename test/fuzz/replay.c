/* Run a fuzz target over files without a fuzzer: replay_<name> FOLDER|FILE...
 *
 * Each input lies in a heap block of exactly its size, so that AddressSanitizer
 * sees a read past its end.  The empty input is always among them; a folder that
 * is not there holds nothing. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include "fuzz/fuzz.h"

enum { INPUT_MAX = 1 << 20 };

static unsigned n_inputs;

static int run_file(const char *path)
{
	static uint8_t buf[INPUT_MAX];
	FILE *f = fopen(path, "rb");
	uint8_t *exact;
	size_t len;
	bool whole;

	if (!f) {
		perror(path);
		return -1;
	}
	len = fread(buf, 1, sizeof(buf), f);
	whole = !ferror(f) && len < sizeof(buf);
	(void)fclose(f);
	exact = malloc(len ? len : 1);
	if (!whole || !exact) {
		fprintf(stderr, "%s: cannot be read whole\n", path);
		free(exact);
		return -1;
	}
	memcpy(exact, buf, len);
	/* the last line tells which input it was, should it crash */
	fprintf(stderr, "%s\n", path);
	(void)LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	n_inputs++;
	return 0;
}

static int run_folder(const char *folder, DIR *d)
{
	char path[PATH_MAX];
	struct dirent *e;
	int rc = 0;

	while (rc == 0 && (e = readdir(d))) {
		int n;

		if (e->d_name[0] == '.')
			continue;
		n = snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		rc = n > 0 && (size_t)n < sizeof(path) ? run_file(path) : -1;
	}
	return rc;
}

static int run(const char *path)
{
	DIR *d = opendir(path);
	int rc;

	if (!d)
		return errno == ENOENT ? 0 : run_file(path);
	rc = run_folder(path, d);
	(void)closedir(d);
	return rc;
}

int main(int argc, char **argv)
{
	(void)LLVMFuzzerTestOneInput(NULL, 0);
	n_inputs++;
	for (int i = 1; i < argc; i++)
		if (run(argv[i]) < 0)
			return 1;
	printf("%u inputs\n", n_inputs);
	return 0;
}
