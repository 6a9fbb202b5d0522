/* Counted, zeroed, aligned memory: see sb/mem.h. The size of a block stands in the 64 bytes before
 * it. */
#include "sb/mem.h"

#include <stdlib.h>
#include <string.h>

#define LINE 64

static int64_t now, peak;
static long countdown = -1;

/* True when this allocation is the one that a test wants to fail. */
static int due(void) {
  if (countdown < 0) return 0;
  return countdown-- == 0;
}

void sb_mem_count(int64_t bytes) {
  now += bytes;
  if (now > peak) peak = now;
}

sb_status sb_mem_new(void *out, int64_t count, size_t size, const char *label) {
  void *none = NULL;
  memcpy(out, &none,
         sizeof none); /* out is a pointer to a pointer of any type: memcpy keeps aliasing legal */
  if (count < 0 || (size && (uint64_t)count > (uint64_t)(INT64_MAX - 2 * LINE) / size))
    return sb_fail(SB_SYS, "%s: %lld x %zu bytes is not a possible size", label, (long long)count,
                   size);
  size_t bytes = (size_t)count * size;
  size_t whole = LINE + (bytes + LINE - 1) / LINE * LINE;
  char *base = due() ? NULL : aligned_alloc(LINE, whole);
  if (!base)
    return sb_fail(SB_SYS, "%s: no memory for %.1f MiB (%.1f MiB in use); use more ranks", label,
                   (double)bytes / 1048576.0, (double)now / 1048576.0);
  memset(base, 0, whole);
  memcpy(base, &whole, sizeof whole);
  sb_mem_count((int64_t)whole);
  char *block = base + LINE;
  memcpy(out, &block, sizeof block);
  return SB_OK;
}

void sb_mem_free(void *block) {
  if (!block) return;
  char *base = (char *)block - LINE;
  size_t whole;
  memcpy(&whole, base, sizeof whole);
  now -= (int64_t)whole;
  free(base);
}

int64_t sb_mem_now(void) { return now; }

int64_t sb_mem_peak(void) { return peak; }

void sb_mem_fail_after(long k) { countdown = k; }
