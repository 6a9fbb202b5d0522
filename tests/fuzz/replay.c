/* Runs a fuzz target on files instead of searching: f_name FILE... */
#include "fuzz.h"

static int replay(const char *path) {
  FILE *f = fopen(path, "rb");
  long size = -1;
  if (f && fseek(f, 0, SEEK_END) == 0) size = ftell(f);
  if (size < 0) {
    fprintf(stderr, "%s: cannot read\n", path);
    return 1;
  }
  rewind(f);
  uint8_t *bytes = malloc((size_t)size ? (size_t)size : 1); /* no more: what reads on is seen */
  const int bad = !bytes || fread(bytes, 1, (size_t)size, f) != (size_t)size ||
                  LLVMFuzzerTestOneInput(bytes, (size_t)size) != 0;
  free(bytes);
  fclose(f);
  return bad;
}

int main(int argc, char **argv) {
  int bad = LLVMFuzzerInitialize(&argc, &argv);
  for (int i = 1; i < argc && !bad; i++) {
    printf("%s\n", argv[i]);
    fflush(stdout);
    bad = replay(argv[i]);
  }
  return bad;
}
