/* How much memory is left on this node: see sb/limits.h. */
#include "sb/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define UNKNOWN INT64_MAX
#define PATH    4096

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* The number that follows `name` in a file of "name number" lines (name "": the first word), or
 * UNKNOWN. */
static int64_t number_in(const char *path, const char *name) {
  char line[256];
  int64_t value = UNKNOWN, found;
  const size_t length = strlen(name);
  FILE *f = fopen(path, "r");
  if (!f) return UNKNOWN;
  while (value == UNKNOWN && fgets(line, sizeof line, f))
    if (!strncmp(line, name, length) && sscanf(line + length, " %" SCNd64, &found) == 1 &&
        found >= 0)
      value = found;
  fclose(f);
  return value;
}

/* What one control group leaves: its limit less its use, where pages of files that can be dropped
 * do not count. */
static int64_t group_leaves(const char *folder, const char *limit, const char *use,
                            const char *inactive) {
  char path[PATH + 64];
  snprintf(path, sizeof path, "%s/%s", folder, limit);
  const int64_t most = number_in(path, "");
  if (most >= INT64_MAX / 2) return UNKNOWN; /* the kernel's way to say: none */
  snprintf(path, sizeof path, "%s/%s", folder, use);
  int64_t used = number_in(path, "");
  if (used == UNKNOWN) used = 0;
  snprintf(path, sizeof path, "%s/memory.stat", folder);
  const int64_t cached = number_in(path, inactive);
  if (cached != UNKNOWN) used -= least(cached, used);
  return most > used ? most - used : 0;
}

/* A limit may stand in any group between the process's own and the root. */
static int64_t groups_leave(const char *root, const char *own, int version) {
  char folder[PATH];
  int64_t most = UNKNOWN;
  const int n = snprintf(folder, sizeof folder, "%s%s", root, own);
  if (n < 0 || n >= (int)sizeof folder) return UNKNOWN;
  for (;;) {
    most = least(most, version == 2
                           ? group_leaves(folder, "memory.max", "memory.current", "inactive_file")
                           : group_leaves(folder, "memory.limit_in_bytes", "memory.usage_in_bytes",
                                          "total_inactive_file"));
    char *slash = strrchr(folder + strlen(root), '/');
    if (!slash) return most;
    *slash = 0;
  }
}

static int64_t cgroup_leaves(void) {
  char line[PATH];
  int64_t most = UNKNOWN;
  FILE *f = fopen("/proc/self/cgroup", "r");
  if (!f) return UNKNOWN;
  while (fgets(line, sizeof line, f)) {
    char *path = strrchr(line, ':');
    if (!path || path[1] != '/') continue;
    line[strcspn(line, "\n")] = 0;
    if (!strncmp(line, "0::", 3)) {
      most = least(most, groups_leave("/sys/fs/cgroup", path + 1, 2));
      most = least(most, groups_leave("/sys/fs/cgroup/unified", path + 1, 2));
    } else if (strstr(line, ":memory:")) {
      most = least(most, groups_leave("/sys/fs/cgroup/memory", path + 1, 1));
    }
  }
  fclose(f);
  return most;
}

int64_t sb_memory_available(void) {
  const char *text = getenv("SB_MEMORY_LIMIT");
  struct rlimit space;
  int64_t most = cgroup_leaves();
  const int64_t kilobytes = number_in("/proc/meminfo", "MemAvailable:");
  if (kilobytes < UNKNOWN / 1024) most = least(most, kilobytes * 1024);
  if (!getrlimit(RLIMIT_AS, &space) && space.rlim_cur != RLIM_INFINITY &&
      space.rlim_cur < INT64_MAX)
    most = least(most, (int64_t)space.rlim_cur);
  if (text && *text) {
    char *end;
    const long long limit = strtoll(text, &end, 10);
    if (!*end && limit >= 0) most = least(most, limit);
  }
  return most;
}

void sb_files_allow(void) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files)) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files); /* where it stays as it is, opening tells */
}
