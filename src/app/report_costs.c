/* What a run cost: time by phase, memory; and the files that it left. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "report.h"

static double number(const report *r, sb_node at, const char *key) {
  return sb_tree_number(r->json, sb_tree_get(r->json, at, key));
}

static sb_node phase(const report *r, int i) {
  return sb_tree_item(r->json, sb_tree_get(r->json, sb_tree_root(r->json), "phases"), i);
}

/* --- Time
 * ---------------------------------------------------------------------------------------- */

/* "812 ms", "47.3 s", "2 h 03 min". */
static void duration(sb_text *t, double seconds) {
  if (!isfinite(seconds))
    sb_text_add(t, "\xE2\x80\x93");
  else if (seconds < 1)
    sb_text_add(t, "%.0f ms", 1000 * seconds);
  else if (seconds < 100)
    sb_text_add(t, "%.3g s", seconds);
  else if (seconds < 6000)
    sb_text_add(t, "%d min %02d s", (int)seconds / 60, (int)seconds % 60);
  else
    sb_text_add(t, "%.0f h %02d min", floor(seconds / 3600), (int)(fmod(seconds, 3600) / 60));
}

static void duration_cell(sb_text *t, double seconds) {
  sb_text_add(t, "<td><data value=\"%.17g\">", isfinite(seconds) ? seconds : 0);
  duration(t, seconds);
  sb_text_add(t, "</data></td>");
}

/* Mean as a bar; the span from the least to the most of all ranks as a line. */
static void phase_row(report *r, sb_node at, double total) {
  sb_text *t = &r->page;
  const double mean = number(r, at, "mean"), low = number(r, at, "min"),
               high = number(r, at, "max");
  sb_text_add(t, "<tr><th scope=\"row\">");
  report_words(t, sb_tree_text(r->json, sb_tree_get(r->json, at, "name"), "?"));
  sb_text_add(t, "</th>");
  duration_cell(t, mean);
  if (total > 0 && isfinite(mean)) {
    sb_text_add(
        t,
        "<td>%.1f %%</td><td><svg class=\"strip\" viewBox=\"0 0 260 14\" width=\"260\" "
        "height=\"14\" aria-hidden=\"true\"><path class=\"bar\" d=\"M0 2H%.1fV12H0Z\"/><path "
        "class=\"line b\" d=\"M%.1f 7H%.1f\"/></svg></td>",
        100 * mean / total, 258 * fmin(1, mean / total), 258 * fmin(1, low / total),
        258 * fmin(1, high / total) + 0.5);
  } else
    sb_text_add(t, "<td></td><td></td>");
  duration_cell(t, low);
  duration_cell(t, high);
  sb_text_add(t, "<td>%.0f</td></tr>\n", fmax(0, number(r, at, "rank_max")));
}

static void times(report *r) {
  sb_text *t = &r->page;
  double total = NAN;
  for (int i = 0; phase(r, i); i++)
    if (!strcmp(sb_tree_text(r->json, sb_tree_get(r->json, phase(r, i), "name"), ""), "total"))
      total = number(r, phase(r, i), "mean");
  sb_text_add(t,
              "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Time by "
              "phase\"><table><caption>"
              "Time by phase, mean over ranks, and the least and most of any rank (the line across "
              "the bars). What the phases leave of the total is start and bookkeeping.</caption>"
              "<thead><tr><th scope=\"col\">Phase</th><th scope=\"col\">Mean</th><th "
              "scope=\"col\">Share</th>"
              "<th scope=\"col\"></th><th scope=\"col\">Least</th><th scope=\"col\">Most</th><th "
              "scope=\"col\">by rank</th></tr></thead><tbody>\n");
  for (int i = 0; phase(r, i); i++)
    if (number(r, phase(r, i), "max") > 0) phase_row(r, phase(r, i), total);
  sb_text_add(t, "</tbody></table></div>\n");
}

static void memory(report *r) {
  const sb_node at = sb_tree_get(r->json, sb_tree_root(r->json), "memory");
  const double predicted = number(r, at, "predicted"), peak = number(r, at, "peak");
  char a[16], b[16];
  if (!isfinite(predicted) || !isfinite(peak)) return;
  sb_size_text(predicted, a);
  sb_size_text(peak, b);
  sb_text_add(&r->page,
              "<p>Memory of the rank that took most: <data value=\"%.0f\">%s</data>; <data "
              "value=\"%.0f\">%s</data> had been predicted.</p>\n",
              peak, b, predicted, a);
}

void report_costs(report *r) {
  if (!phase(r, 0)) {
    report_without(r, "report.json holds no times.");
    return;
  }
  report_section(r, "time", "Time and memory");
  times(r);
  memory(r);
  report_section_end(r);
}

/* --- Files
 * --------------------------------------------------------------------------------------- */

/* What became of a file since the report was written; "" nothing that its size would show. */
static const char *since(const report *r, const char *name, double bytes) {
  char path[1024];
  struct stat what;
  if (report_path(r, name, path)) {
    sb_forget();
    return "";
  }
  if (stat(path, &what) != 0) return "no longer there";
  return isfinite(bytes) && (double)what.st_size != bytes ? "changed since" : "";
}

sb_status report_files(report *r) {
  const sb_node files = sb_tree_get(r->json, sb_tree_root(r->json), "files");
  sb_text *t = &r->page;
  if (sb_tree_count(r->json, files) <= 0) return SB_OK;
  report_section(r, "files", "Files");
  sb_text_add(t,
              "<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
              "aria-label=\"Files\"><table><caption>Files of the "
              "run with their CRC-64, as they were when it ended.</caption><thead><tr><th "
              "scope=\"col\">File</th><th scope=\"col\">Size</th><th scope=\"col\" "
              "class=\"left\">CRC-64</th><th scope=\"col\" class=\"left\">Now</th>"
              "</tr></thead><tbody>\n");
  for (int i = 0; i < sb_tree_count(r->json, files); i++) {
    const sb_node at = sb_tree_item(r->json, files, i);
    const char *name = sb_tree_text(r->json, sb_tree_get(r->json, at, "path"), "");
    const double bytes = number(r, at, "bytes");
    char size[16];
    sb_size_text(isfinite(bytes) ? bytes : 0, size);
    sb_text_add(t, "<tr><th scope=\"row\"><code>");
    sb_text_xml(t, name);
    sb_text_add(t, "</code></th><td>%s</td><td class=\"left\"><code>",
                isfinite(bytes) ? size : "missing");
    sb_text_xml(t, sb_tree_text(r->json, sb_tree_get(r->json, at, "crc"), ""));
    sb_text_add(t, "</code></td><td class=\"left open\">%s</td></tr>\n", since(r, name, bytes));
  }
  sb_text_add(t, "</tbody></table></div>\n");
  report_section_end(r);
  return SB_OK;
}
