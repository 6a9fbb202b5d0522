/* Which kernels run: by what the processor can do, never by its model. See sb/kernel.h. */
#include <stdlib.h>
#include <string.h>

#include "sb/kernel.h"

const char *const sb_act_name[SB_ACT_COUNT] = {
    [SB_ACT_SILU] = "silu", [SB_ACT_RELU] = "relu", [SB_ACT_LEAKY_RELU] = "leaky_relu",
    [SB_ACT_SELU] = "selu", [SB_ACT_TANH] = "tanh",
};

extern const sb_kernels sb_kernels_generic;
#ifdef SB_HAVE_X86
extern const sb_kernels sb_kernels_avx2, sb_kernels_avx512;
static const sb_kernels *const tables[] = {&sb_kernels_generic, &sb_kernels_avx2,
                                           &sb_kernels_avx512};
#else
static const sb_kernels *const tables[] = {&sb_kernels_generic};
#endif
enum { LEVELS = sizeof tables / sizeof *tables };

static const sb_kernels *chosen;

/* The highest level that this processor runs. */
static int highest(void) {
#ifdef SB_HAVE_X86
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 0;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512dq") ||
      !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512bw"))
    return 1;
  return 2;
#else
  return 0;
#endif
}

const sb_kernels *sb_isa_kernels(int level) {
  return level >= 0 && level <= highest() ? tables[level] : NULL;
}

sb_status sb_isa_level(int *level) {
  *level = highest();
  const char *wish = getenv("SB_ISA");
  if (!wish || !*wish) return SB_OK;
  for (int i = 0; i < LEVELS; i++)
    if (strcmp(wish, tables[i]->name) == 0) {
      if (i > *level)
        return sb_fail(SB_USE, "SB_ISA=%s: this processor cannot run it; its best is %s", wish,
                       tables[*level]->name);
      *level = i;
      return SB_OK;
    }
  return sb_fail(SB_USE, "SB_ISA=%s: unknown; use generic%s or leave it unset", wish,
                 LEVELS > 1 ? ", avx2, avx512" : "");
}

void sb_isa_choose(int level) {
  int most = highest();
  chosen = tables[level < 0 ? 0 : level > most ? most : level];
}

const sb_kernels *sb_kernel(void) {
  if (!chosen) {
    int level;
    if (sb_isa_level(&level)) sb_forget();
    sb_isa_choose(level);
  }
  return chosen;
}
