/* layer: tests */
/* What the fuzz targets share. A target is built with `make CC=clang SAN=1 FUZZ=1 fuzzers` and run
 * as
 *
 *   tests/fuzz/run NAME SECONDS
 *
 * What was found stands in tests/fuzz/found/NAME, and `make check` goes through it. */
#ifndef FUZZ_H
#define FUZZ_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/** One input; 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
/** Before the first one; 0. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/** Ends the program where something does not hold. */
#define REQUIRE(good)                                                          \
  do {                                                                         \
    if (!(good)) {                                                             \
      fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #good); \
      abort();                                                                 \
    }                                                                          \
  } while (0)

#endif
