/* Which BLAS is in use, and the right core of it: see sb/dense.h.
 *
 * OpenBLAS chooses its kernels by CPU family; on a family younger than itself it falls back to
 * older ones (half the speed). OPENBLAS_CORETYPE is read when the library is loaded, hence execv.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "sb/dense.h"
#include "sb/kernel.h"

/* Of OpenBLAS only: weak, so that another BLAS links too. */
extern char *openblas_get_corename(void) __attribute__((weak));
extern char *openblas_get_config(void) __attribute__((weak));
extern void openblas_set_num_threads(int) __attribute__((weak));

const char *sb_blas_core(void) {
  const char *core = openblas_get_corename ? openblas_get_corename() : NULL;
  return core ? core : "unknown";
}

const char *sb_blas_library(void) {
  const char *library = openblas_get_config ? openblas_get_config() : NULL;
  return library ? library : "unknown";
}

/* True when the word is in the list. A core of a name not listed here is younger than this program:
 * let it be. */
static int is_one_of(const char *word, const char *const *list) {
  for (; *list; list++)
    if (strcasecmp(word, *list) == 0) return 1;
  return 0;
}

/* The core that this CPU deserves, NULL when `core` is as good. */
static const char *better_than(const char *core) {
  static const char *const avx2[] = {"Haswell", "Zen", NULL};
  static const char *const older[] = {
      "Katmai",       "Coppermine", "Northwood",   "Prescott", "Banias",    "Atom",
      "Core2",        "Penryn",     "Dunnington",  "Nehalem",  "Athlon",    "Opteron",
      "Opteron_SSE3", "Barcelona",  "Nano",        "Bobcat",   "Bulldozer", "Piledriver",
      "Steamroller",  "Excavator",  "Sandybridge", NULL};
  int is_older = is_one_of(core, older), level;
  if (sb_isa_level(&level)) {
    sb_forget(); /* whoever starts the kernels will say it */
    return NULL;
  }
  if (level >= 2 && (is_older || is_one_of(core, avx2))) return "SkylakeX";
  return level == 1 && is_older ? "Haswell" : NULL;
}

void sb_blas_settle(char **argv) {
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  const char *better = better_than(sb_blas_core());
  if (better && !getenv("OPENBLAS_CORETYPE") && strstr(sb_blas_library(), "DYNAMIC_ARCH") &&
      setenv("OPENBLAS_CORETYPE", better, 1) == 0) {
    /* By its path, so that ps still shows the program's name; by the link when the file was
     * replaced meanwhile. */
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length > 0) {
      path[length] = '\0';
      execv(path, argv);
    }
    execv("/proc/self/exe", argv);
    unsetenv("OPENBLAS_CORETYPE"); /* the slower core will do */
  }
  if (openblas_set_num_threads) openblas_set_num_threads(1);
}
