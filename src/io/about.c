/* Who made a file: program, libraries, command, hosts. The build gives SB_VERSION, SB_GIT,
 * SB_COMPILER and SB_CFLAGS. */
#include "sb/about.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "h5.h"
#include "sb/checkpoint.h"
#include "sb/kernel.h"
#include "sb/mem.h"

#define HOST_WORDS 8 /* 64 letters of a host name */

static struct {
  int argc;
  char **argv;
  const char *deck, *blas, *core;
  char *hosts, *command;             /* made at the first file, kept to the end */
  char parent[1024], parent_crc[17]; /* of the parent as it was when it was named first */
} about = {.deck = "", .blas = "none", .core = "none"};

void sb_about_start(int argc, char **argv) {
  about.argc = argc;
  about.argv = argv;
}

void sb_about_deck(const char *used_deck) { about.deck = used_deck ? used_deck : ""; }

void sb_about_blas(const char *library, const char *core) {
  about.blas = library;
  about.core = core;
}

static const char *hdf5_version(void) {
  static char text[32];
  unsigned a, b, c;
  H5get_libversion(&a, &b, &c);
  snprintf(text, sizeof text, "%u.%u.%u", a, b, c);
  return text;
}

const char *sb_about_version(void) {
  static char text[2048];
  snprintf(text, sizeof text,
           "sbridge %s (%s)\n"
           "compiler  %s\n"
           "flags     %s\n"
           "mpi       %s\n"
           "hdf5      %s\n"
           "blas      %s, core %s\n"
           "kernels   %s\n"
           "schema    %d\n",
           SB_VERSION, SB_GIT, SB_COMPILER, SB_CFLAGS, sb_comm_library(), hdf5_version(),
           about.blas, about.core, sb_kernel()->name, SB_SCHEMA);
  return text;
}

/* The command line, with quotes where the shell wants them. */
static sb_status make_command(char **out) {
  sb_text t = {.data = NULL};
  sb_text_add(&t, "%s", "");
  for (int i = 0; i < about.argc; i++) {
    const int plain = about.argv[i][0] && !strpbrk(about.argv[i], " \t\n'\"\\$`*?[]<>|&;(){}#!~");
    sb_text_add(&t, plain ? "%s%s" : "%s'%s'", i ? " " : "", about.argv[i]);
  }
  *out = t.data;
  return t.status;
}

/* "node1:48 node2:48": hosts and their ranks. Collective. */
static sb_status make_hosts(const sb_comm *c, char **out) {
  const int each = HOST_WORDS + 1;
  int64_t *words;
  char name[8 * HOST_WORDS + 1] = "";
  sb_text t = {.data = NULL};
  SB_TRY_ALL(c, SB_NEW(&words, (int64_t)c->nodes * each, "host names"));
  if (c->node_rank == 0) {
    snprintf(name, sizeof name, "%s", sb_comm_host());
    memcpy(words + (int64_t)c->node * each, name, 8 * HOST_WORDS);
    words[(int64_t)c->node * each + HOST_WORDS] = c->node_size;
  }
  sb_status s = sb_sum_int(c, words, (int64_t)c->nodes * each);
  for (int i = 0; i < c->nodes; i++) {
    memcpy(name, words + (int64_t)i * each, 8 * HOST_WORDS);
    sb_text_add(&t, "%s%s:%d", i ? " " : "", name, (int)words[(int64_t)i * each + HOST_WORDS]);
  }
  sb_mem_free(words);
  *out = t.data;
  return sb_agree(c, s ? s : t.status);
}

/* Remembers a parent and its checksum: later it may be replaced by the files of this very run. */
static sb_status remember(const sb_comm *c, const char *parent) {
  if (strcmp(parent, about.parent) == 0) return SB_OK;
  snprintf(about.parent, sizeof about.parent, "%s", parent);
  about.parent_crc[0] = 0;
  return sb_path_exists(c, parent) ? sb_path_crc(c, parent, NULL, about.parent_crc) : SB_OK;
}

sb_status sb_about_parent(const sb_comm *c, const char *parent, char crc[17]) {
  about.parent[0] = 0;
  const sb_status s = remember(c, parent);
  memcpy(crc, about.parent_crc, 17);
  return s;
}

static sb_status put(sb_file *f, void *parent) {
  const sb_comm *c = f->comm;
  char date[32] = "";
  time_t now = time(NULL);
  struct tm utc;
  if (gmtime_r(&now, &utc)) strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
  const char *const items[][2] = {{"version", SB_VERSION},
                                  {"git", SB_GIT},
                                  {"compiler", SB_COMPILER},
                                  {"flags", SB_CFLAGS},
                                  {"mpi", sb_comm_library()},
                                  {"hdf5", hdf5_version()},
                                  {"blas", about.blas},
                                  {"blas_core", about.core},
                                  {"kernels", sb_kernel()->name},
                                  {"hosts", about.hosts},
                                  {"command", about.command},
                                  {"date", date},
                                  {"deck", about.deck}};
  for (size_t i = 0; i < sizeof items / sizeof *items; i++)
    SB_TRY(sb_h5_text(f, "/about", items[i][0], items[i][1]));
  SB_TRY(sb_h5_int(f, "/about", "ranks", c->size));
  SB_TRY(sb_h5_int(f, "/about", "nodes", c->nodes));
  if (!parent) return SB_OK;
  SB_TRY(sb_h5_text(f, "/about", "parent", about.parent));
  return sb_h5_text(f, "/about", "parent_crc", about.parent_crc);
}

sb_status sb_about_put(sb_file *f, const char *parent) {
  const sb_comm *c = f->comm;
  if (!about.hosts) SB_TRY(make_hosts(c, &about.hosts));
  if (!about.command) SB_TRY_ALL(c, make_command(&about.command));
  if (parent) SB_TRY(remember(c, parent));
  return sb_h5_alone(f, put, (void *)(uintptr_t)parent);
}
