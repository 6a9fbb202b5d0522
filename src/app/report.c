/* The command report: one HTML page on a run or a study, from what is in its folder. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "report.h"
#include "sb/dense.h"
#include "sb/log.h"
#include "sb/mem.h"

#define PAGE "report.html"

/* --- Files of the folder
 * ------------------------------------------------------------------------- */

sb_status report_path(const report *r, const char *name, char out[1024]) {
  const int length = snprintf(out, 1024, "%s/%s", r->folder, name);
  return length < 1024 ? SB_OK : sb_fail(SB_USE, "this path is too long: %s/%s", r->folder, name);
}

int report_has(const report *r, const char *name) {
  char path[1024];
  struct stat what;
  if (!report_path(r, name, path)) return stat(path, &what) == 0;
  sb_forget();
  return 0;
}

sb_status report_open(const report *r, const char *name, sb_file **out) {
  char path[1024];
  *out = NULL;
  if (!report_has(r, name)) return SB_OK;
  SB_TRY(report_path(r, name, path));
  SB_TRY(sb_file_probe(sb_comm_self(), path));
  return sb_file_open(sb_comm_self(), path, out);
}

sb_status report_read(const report *r, const char *name, char **out, int64_t *length) {
  char path[1024];
  int64_t n;
  *out = NULL;
  if (!report_has(r, name)) return SB_OK;
  SB_TRY(report_path(r, name, path));
  return sb_text_read(sb_comm_self(), path, out, length ? length : &n);
}

void report_without(report *r, const char *sentence) {
  if (r->left_out < (int)(sizeof r->why / sizeof *r->why)) r->why[r->left_out++] = sentence;
}

const char *report_key(const report *r, const char *key) {
  return sb_tree_text(r->deck, sb_tree_get(r->deck, sb_tree_root(r->deck), key), "");
}

static sb_status read_tree(const report *r, const char *name, char **text, sb_tree **out) {
  char path[1024];
  int64_t length = 0;
  *out = NULL;
  SB_TRY(report_read(r, name, text, &length));
  if (!*text) return SB_OK;
  SB_TRY(report_path(r, name, path));
  return sb_tree_read(*text, length, path, out);
}

/* report.json as far as the page relies on it. */
static sb_status check_json(const report *r) {
  const sb_node root = sb_tree_root(r->json);
  const double schema = sb_tree_number(r->json, sb_tree_get(r->json, root, "schema"));
  if (schema > 1)
    return sb_fail(SB_USE, "%s/report.json: has schema %g, this sbridge reads 1: use a newer one",
                   r->folder, schema);
  if (!(schema >= 1) || sb_tree_count(r->json, sb_tree_get(r->json, root, "metrics")) < 0 ||
      !sb_tree_get(r->json, root, "status"))
    return sb_fail(SB_USE, "%s/report.json: is damaged: it is not a report of sbridge", r->folder);
  return SB_OK;
}

/* The law that draws should follow, from a used deck: of the data, or of the source where a bridge
 * is gone backward. None where the deck cannot be read any more. */
static void find_law(report *r) {
  app other = {.comm = (sb_comm *)(uintptr_t)sb_comm_self()};
  sb_law *law = NULL;
  sb_status s = r->deck_text
                    ? app_deck_of(&other, r->deck_text, (int64_t)strlen(r->deck_text), "used.yml")
                    : SB_USE;
  const int source = !s && other.method->needs == 2 && other.bridge.direction;
  if (!s && other.law_options[source].law && !sb_law_open(&other.law_options[source], &law)) {
    r->law = law->mixture;
    law->mixture = NULL;
  }
  sb_forget();
  sb_law_close(law);
  app_close(&other);
}

/* --- The page of a run
 * --------------------------------------------------------------------------- */

static const char *folder_name(const report *r) {
  const char *slash = strrchr(r->folder, '/');
  return slash && slash[1] ? slash + 1 : r->folder;
}

static const struct {
  const char *status, *class, *words;
} ends[] = {{"done", "done", "done"},
            {"not_converged", "open", "not converged"},
            {"stopped", "open", "stopped"},
            {"diverged", "failed", "diverged"}};

static void badge(report *r, const char *status) {
  const char *class = "open", *words = status;
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
    if (!strcmp(ends[i].status, status)) class = ends[i].class, words = ends[i].words;
  sb_text_add(&r->page, "<span class=\"badge %s\">", class);
  sb_text_xml(&r->page, words);
  sb_text_add(&r->page, "</span>");
}

static void fact(report *r, int *facts, const char *words, const char *value) {
  if (!value[0]) return;
  sb_text_add(&r->page, "%s%s ", (*facts)++ ? " \xC2\xB7 " : "", words);
  sb_text_xml(&r->page, value);
}

static void facts(report *r) {
  const char *file = report_key(r, "data.file"), *law = report_key(r, "data.law"),
             *json =
                 sb_tree_text(r->json, sb_tree_get(r->json, sb_tree_root(r->json), "method"), "");
  const char *from_file = report_key(r, "source.file"), *from_law = report_key(r, "source.law");
  int n = 0;
  sb_text_add(&r->page, "<p class=\"dim\">");
  fact(r, &n, "method", json[0] ? json : report_key(r, "method"));
  fact(r, &n, "data", file[0] ? file : law);
  if (strcmp(from_law, "none") || from_file[0])
    fact(r, &n, "from", from_file[0] ? from_file : from_law);
  fact(r, &n, "draws", report_key(r, "sample.n"));
  fact(r, &n, "seed", report_key(r, "seed"));
  sb_text_add(&r->page, "</p>\n");
}

/* What the deck says of itself. */
static void about(report *r) {
  static const char *const keys[][2] = {
      {"about.problem", "Problem"}, {"about.source", "Source"}, {"about.expect", "To be expected"}};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const char *text = report_key(r, keys[i][0]);
    if (!text[0]) continue;
    sb_text_add(&r->page, "<p><strong>%s:</strong> ", keys[i][1]);
    sb_text_xml(&r->page, text);
    sb_text_add(&r->page, "</p>\n");
  }
}

/* The head of the page; links are those to sections that came to be. */
static void begin(report *r, const char *status) {
  char title[300];
  snprintf(title, sizeof title, "%.200s \xE2\x80\x93 sbridge", folder_name(r));
  report_begin(r, title);
  sb_text_add(&r->page, "<header><h1>");
  sb_text_xml(&r->page, folder_name(r));
  badge(r, status);
  sb_text_add(&r->page, "</h1>\n");
  facts(r);
  sb_text_add(&r->page, "</header>\n");
}

/* A run without a report has not ended: where it stands is in the sections on training and draws.
 */
static void unfinished(report *r) {
  sb_text_add(&r->page,
              "<p class=\"note\">This run was stopped, or still runs: there is no "
              "<code>report.json</code>. "
              "What is there is shown. "
              "The same command with <code>--resume</code> goes on.%s</p>\n",
              report_has(r, "sampling.h5") ? " Sampling had begun." : "");
}

static sb_status sections(report *r) {
  if (r->json) report_headline(r);
  if (!r->json) unfinished(r);
  about(r);
  SB_TRY(report_clouds(r));
  SB_TRY(report_images(r));
  if (r->json) report_metrics(r);
  if (r->json) report_errors(r);
  SB_TRY(report_velocity(r));
  SB_TRY(report_paths(r));
  SB_TRY(report_losses(r));
  if (r->json) report_costs(r);
  SB_TRY(report_pictures(r));
  SB_TRY(report_about(r));
  return r->json ? report_files(r) : SB_OK;
}

/* In the order of the page. */
static const char *const all_sections[][2] = {{"results", "Results"},
                                              {"draws", "Draws and data"},
                                              {"images", "Pictures"},
                                              {"metrics", "Metrics"},
                                              {"errors", "Errors by cause"},
                                              {"drift", "Drift"},
                                              {"paths", "Particles"},
                                              {"training", "Training"},
                                              {"time", "Time and memory"},
                                              {"cases", "Tables"},
                                              {"pictures", "Other pictures"},
                                              {"provenance", "Provenance and settings"},
                                              {"files", "Files"}};

/* Links to the sections stand before them: they are written when it is known which there are. */
static sb_status with_links(report *r, sb_status (*body)(report *)) {
  const sb_text top = r->page;
  char mark[64];
  r->page = (sb_text){.data = NULL};
  const sb_status s = body(r);
  const sb_text rest = r->page;
  r->page = top;
  sb_text_add(&r->page, "<nav aria-label=\"Sections\">");
  for (size_t i = 0; i < sizeof all_sections / sizeof *all_sections; i++) {
    const char *id = all_sections[i][0];
    snprintf(mark, sizeof mark, "<h2 id=\"%s\">", id);
    if (rest.data && strstr(rest.data, mark))
      sb_text_add(&r->page, "<a href=\"#%s\">%s</a>", id, all_sections[i][1]);
  }
  sb_text_add(&r->page, "</nav>\n<main id=\"main\">\n%s", rest.data ? rest.data : "");
  if (!r->page.status) r->page.status = rest.status;
  sb_mem_free(rest.data);
  return s;
}

static sb_status write_page(report *r) {
  char path[1024];
  const char *status =
      r->json ? sb_tree_text(r->json, sb_tree_get(r->json, sb_tree_root(r->json), "status"), "?")
              : "stopped";
  const int study = !r->json && report_has(r, "study.h5");
  begin(r, study ? "study" : status);
  SB_TRY(with_links(r, study ? report_study : sections));
  report_end(r);
  SB_TRY(r->page.status);
  SB_TRY(report_path(r, PAGE, path));
  return sb_text_write(sb_comm_self(), path, r->page.data, r->page.length);
}

/* --- The command
 * --------------------------------------------------------------------------------- */

static sb_status check_folder(const report *r) {
  static const char *const files[] = {"report.json", "study.h5", "samples.h5", "checkpoint.h5",
                                      "history.csv"};
  struct stat what;
  if (stat(r->folder, &what) != 0) return sb_fail(SB_USE, "%s: no such folder", r->folder);
  if (!S_ISDIR(what.st_mode))
    return sb_fail(SB_USE, "%s: is not a folder; report takes the output of a run or study",
                   r->folder);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    if (report_has(r, files[i])) return SB_OK;
  return sb_fail(SB_USE, "%s: has no report.json and no other file of a run or study", r->folder);
}

static sb_status make(const char *folder) {
  report r = {.folder = folder};
  char *json = NULL;
  sb_status s = check_folder(&r);
  if (!s) s = read_tree(&r, "report.json", &json, &r.json);
  if (!s && r.json) s = check_json(&r);
  if (!s) s = read_tree(&r, "used.yml", &r.deck_text, &r.deck);
  if (!s) find_law(&r);
  if (!s) s = write_page(&r);
  sb_mixture_free(r.law);
  sb_tree_free(r.deck);
  sb_tree_free(r.json);
  sb_mem_free(r.deck_text);
  sb_mem_free(json);
  sb_text_free(&r.page);
  return s;
}

sb_status app_report(app *a) {
  char folder[1024];
  size_t n;
  if (!a->line.input) return sb_fail(SB_USE, "report needs a FOLDER: the output of a run or study");
  if (snprintf(folder, sizeof folder, "%s", a->line.input) >= (int)sizeof folder)
    return sb_fail(SB_USE, "this path is too long: %s", a->line.input);
  for (n = strlen(folder); n > 1 && folder[n - 1] == '/'; n--) folder[n - 1] = 0;
  SB_TRY_ALL(a->comm, a->comm->rank == 0 ? make(folder) : SB_OK);
  sb_say("%s/" PAGE "\n", folder);
  return SB_OK;
}
