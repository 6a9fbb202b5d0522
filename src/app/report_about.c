/* Where a run came from: who made its files, and the deck that repeats it. */
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "sb/mem.h"

static const struct {
  const char *name, *words;
} items[] = {{"version", "sbridge"},
             {"git", "revision"},
             {"command", "command"},
             {"date", "written"},
             {"hosts", "hosts: ranks"},
             {"compiler", "compiler"},
             {"flags", "flags"},
             {"mpi", "MPI"},
             {"hdf5", "HDF5"},
             {"blas", "BLAS"},
             {"blas_core", "BLAS core"},
             {"kernels", "kernels"},
             {"parent", "from checkpoint"},
             {"parent_crc", "its CRC-64"}};

static void row(sb_text *t, const char *words, const char *value) {
  sb_text_add(t, "<tr><th scope=\"row\">%s</th><td class=\"left wrap\"><code>", words);
  sb_text_xml(t, value);
  sb_text_add(t, "</code></td></tr>\n");
}

/* Attributes that a file does not have are left out. */
static sb_status provenance(report *r, sb_file *f) {
  char *value;
  char words[32];
  int64_t ranks, nodes;
  SB_TRY(SB_NEW(&value, 1 << 16, "provenance"));
  for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
    if (sb_file_get_text(f, "/about", items[i].name, value, 1 << 16))
      sb_forget();
    else if (value[0])
      row(&r->page, items[i].words, value);
  }
  sb_mem_free(value);
  if (sb_file_get_int(f, "/about", "ranks", 1, &ranks) ||
      sb_file_get_int(f, "/about", "nodes", 1, &nodes)) {
    sb_forget();
    return SB_OK;
  }
  snprintf(words, sizeof words, "%lld on %lld", (long long)ranks, (long long)nodes);
  row(&r->page, "ranks, nodes", words);
  return SB_OK;
}

static sb_status made_by(report *r) {
  static const char *const names[] = {"samples.h5", "checkpoint.h5", "velocity.h5", "study.h5"};
  sb_file *f = NULL;
  size_t i = 0;
  for (; !f && i < sizeof names / sizeof *names; i++) SB_TRY(report_open(r, names[i], &f));
  if (!f) {
    report_without(r, "No HDF5 file is there to say who made it.");
    return SB_OK;
  }
  sb_text_add(
      &r->page,
      "<div class=\"scroll\"><table><caption>Written into <code>%s</code> by the run.</caption>"
      "<tbody>\n",
      names[i - 1]);
  const sb_status s = provenance(r, f);
  sb_text_add(&r->page, "</tbody></table></div>\n");
  sb_file_close(f);
  return s;
}

sb_status report_about(report *r) {
  report_section(r, "provenance", "Provenance and settings");
  SB_TRY(made_by(r));
  if (r->deck_text) {
    sb_text_add(&r->page,
                "<details><summary>Every key with its value (<code>used.yml</code> repeats the "
                "run)</summary><pre>");
    sb_text_xml(&r->page, r->deck_text);
    sb_text_add(&r->page, "</pre></details>\n");
  } else
    report_without(r, "There is no used.yml, so the settings are not shown.");
  report_section_end(r);
  return SB_OK;
}
