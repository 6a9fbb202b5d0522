/* The commands help and info. */
#include <string.h>

#include "app.h"
#include "sb/about.h"
#include "sb/dense.h"
#include "sb/log.h"
#include "sb/mem.h"

static void usage(void) {
  sb_say("usage: mpirun -n RANKS sbridge COMMAND [ARGUMENT] [OPTIONS]\n\ncommands\n");
  for (const app_command *c = app_commands; c->name; c++)
    sb_say("  %-9s %-17s %s\n", c->name, c->argument, c->help);
  sb_say(
      "\noptions\n"
      "  --set KEY=VALUE   a value for the deck, any number of times\n"
      "  --resume[=WHAT]   go on from output/checkpoint.h5 if it is there (auto), never, or from a "
      "FILE\n"
      "  --overwrite       write over existing results\n"
      "  --stop-after K    stop after K training steps with a checkpoint, status 75\n"
      "  --dry-run         check deck and data, say what memory and disk it takes, and end\n"
      "  --start FILE      sample: stage 2 starts from the rows of /x\n"
      "  --at FILE         velocity: fields at the rows of /x and times /t\n"
      "  --verify          info: recompute the checksums of FILE\n"
      "  --strict-bits     refuse a checkpoint made with other kernels\n"
      "  --quiet           say nothing but errors\n"
      "  --version         version, compiler, libraries\n\nmethods\n");
  const sb_method *m;
  for (int i = 0; (m = sb_method_at(i)); i++) {
    sb_say("  %-9s %s (%s)\n", m->name, m->summary, m->source);
    for (const sb_preset *p = m->presets; p && p->name; p++)
      sb_say("            preset %s: %s\n", p->name, p->about);
  }
  sb_say(
      "\nstatus: 0 done, 1 wrong command, deck or data, 2 numbers failed, 3 files, memory, MPI, 75 "
      "stopped early: resubmit\n");
}

static sb_status help_keys(app *a) {
  sb_status s = SB_OK;
  const sb_method *m;
  for (int i = 0; !s && (m = sb_method_at(i)); i++) {
    a->method = m;
    s = sb_mem_new(&a->run.state, 1, m->state_size, "state of the method");
    if (!s) sb_keys_print(a->section, app_sections(a));
    sb_mem_free(a->run.state);
    a->run.state = NULL;
  }
  return s;
}

sb_status app_help(app *a) {
  if (!a->line.input)
    usage();
  else if (strcmp(a->line.input, "keys"))
    return sb_fail(SB_USE, "help knows 'keys', not '%s'", a->line.input);
  else
    return help_keys(a);
  return SB_OK;
}

static sb_status info_checkpoint(app *a) {
  sb_checkpoint k;
  SB_TRY(sb_checkpoint_open(a->comm, a->line.input, &k));
  sb_say("%s: checkpoint, method %s, kernels %s, noise layout %lld\n\n%s", a->line.input, k.method,
         k.kernels, (long long)k.layout, k.deck);
  sb_checkpoint_close(&k);
  return SB_OK;
}

static sb_status info_file(app *a) {
  sb_file *f;
  SB_TRY(sb_file_open(a->comm, a->line.input, &f));
  const int checkpoint = sb_file_has(f, "/deck") && sb_file_has(f, "/numerics");
  const sb_status s = a->line.verify ? sb_file_verify(f) : SB_OK;
  sb_file_close(f);
  if (s) return s;
  if (a->line.verify) sb_say("%s: every checksum is right\n", a->line.input);
  if (checkpoint) return info_checkpoint(a);
  sb_say("%s: results of sbridge; h5dump -H shows what is in it\n", a->line.input);
  return SB_OK;
}

sb_status app_info(app *a) {
  sb_about_blas(sb_blas_library(), sb_blas_core());
  if (!a->line.input) {
    sb_say("%s", sb_about_version());
    return SB_OK;
  }
  const size_t n = strlen(a->line.input);
  if (n > 3 && !strcmp(a->line.input + n - 3, ".h5")) return info_file(a);
  SB_TRY(app_open(a));
  sb_say("%s", a->used);
  return SB_OK;
}
