/*
 * Replays files through a fuzz target, for compilers without libFuzzer: the corpus as a test.
 * A broken invariant aborts; a file that cannot be read is exit status 2.
 */
#include "fuzz/fuzz.h"

static uint8_t *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rbe");
	uint8_t *data = NULL;
	long length = -1;

	if (f != NULL && fseek(f, 0, SEEK_END) == 0)
		length = ftell(f);
	if (length >= 0 && fseek(f, 0, SEEK_SET) == 0)
		data = malloc(length > 0 ? (size_t)length : 1);
	if (data != NULL && fread(data, 1, (size_t)length, f) != (size_t)length) {
		free(data);
		data = NULL;
	}
	if (f != NULL)
		(void)fclose(f);
	*size = (size_t)length;
	return data;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		size_t size;
		uint8_t *data = read_file(argv[i], &size);

		if (data == NULL) {
			perror(argv[i]);
			return 2;
		}
		(void)LLVMFuzzerTestOneInput(data, size);
		free(data);
	}
	(void)printf("%s: %d inputs\n", argv[0], argc - 1);
	return argc < 2;
}
