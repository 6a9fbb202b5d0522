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
      "  --resume[=WHAT]   go on where an earlier run of this deck ended, or begin (auto); never; "
      "or "
      "train on from a FILE\n"
      "  --overwrite       write over existing results\n"
      "  --stop-after K    stop after K training steps with a checkpoint, status 75\n"
      "  --max-walltime T  stop in time for this limit (2h30m, H:MM:SS, seconds), status 75; also "
      "from SLURM_JOB_END_TIME, PBS_WALLTIME\n"
      "  --stall-timeout T end a run that makes no progress for so long (at least 60 s), status "
      "76\n"
      "  --dry-run         check deck and data, say what memory, disk and time it takes, and end\n"
      "  --samples FILE    evaluate: /x of a file of any program, with --truth FILE: a deck with a "
      "law, or an HDF5 table\n"
      "  --start FILE      sample: stage 2 starts from the rows of /x\n"
      "  --at FILE         velocity: fields at the rows of /x and times /t\n"
      "  --slice K/N       study: only slice K of N of its cases, for job arrays; results in "
      "OUTPUT/sliceKofN\n"
      "  --merge           study: join the results of all slices\n"
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
      "stopped early: resubmit, 76 stalled: resubmit\n"
      "signals USR1, USR2, TERM and a file `stop` in the output directory end a run at the next "
      "step "
      "with a checkpoint\n"
      "(status 75); a second signal at once, without one of the draws\n");
}

/* The sections asked for, `name` and those below it (NULL: all), in front; returns their number. */
static int choose_sections(sb_section *sections, int n, const char *name) {
  const size_t length = name ? strlen(name) : 0;
  int kept = 0;
  for (int i = 0; i < n; i++) {
    const char *path = sections[i].path;
    if (!name || (!strncmp(path, name, length) && (path[length] == 0 || path[length] == '.')))
      sections[kept++] = sections[i];
  }
  return kept;
}

static sb_status no_section(const sb_section *sections, int n, const char *name) {
  const char *names[MAX_SECTIONS], *near;
  for (int i = 0; i < n; i++) names[i] = sections[i].path;
  near = sb_nearest(name, names, n);
  return sb_fail(SB_USE, "unknown section '%s'%s%s%s", name, near ? " (did you mean '" : "",
                 near ? near : "", near ? "'?)" : "; help keys names all");
}

/* Keys of all methods, or of one section of them. */
static sb_status help_keys(app *a, const char *name) {
  sb_section chosen[MAX_SECTIONS];
  int n = 0, found = 0;
  for (int i = 0; (a->method = sb_method_at(i)); i++) {
    SB_TRY(sb_mem_new(&a->run.state, 1, a->method->state_size, "state of the method"));
    n = app_sections(a);
    memcpy(chosen, a->section, sizeof chosen);
    const int kept = choose_sections(chosen, n, name);
    if (kept) sb_keys_print(chosen, kept);
    found += kept;
    sb_mem_free(a->run.state);
    a->run.state = NULL;
  }
  return found ? SB_OK : no_section(a->section, n, name);
}

sb_status app_help(app *a) {
  if (!a->line.input)
    usage();
  else if (strcmp(a->line.input, "keys"))
    return sb_fail(SB_USE, "help knows 'keys', not '%s'", a->line.input);
  else
    return help_keys(a, a->line.more);
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
  SB_TRY(sb_file_probe(a->comm, a->line.input));
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
  if (a->line.verify) return sb_fail(SB_USE, "--verify is for HDF5 files, not %s", a->line.input);
  SB_TRY(app_open(a));
  sb_say("%s", a->used);
  return SB_OK;
}
