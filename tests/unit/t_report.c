/* RUN np=1
 * RUN np=2
 * RUN np=3
 * RUN np=4
 * report.json: valid JSON with the keys of schema 1, numbers that do not exist as null, texts
 * quoted, files with checksums. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "sb/clock.h"
#include "sb/file.h"
#include "sb/log.h"
#include "sb/mem.h"
#include "sb/report.h"
#include "tap.h"

static const sb_comm *c;
static char folder[256];

static const char *in_folder(const char *name) {
  static char full[4][512];
  static int turn;
  turn = (turn + 1) % 4;
  snprintf(full[turn], sizeof *full, "%s/%s", folder, name);
  return full[turn];
}

static bool all(bool mine) {
  int64_t no = !mine;
  return sb_max_int(c, &no, 1) == SB_OK && no == 0;
}

/* --- Strict JSON (RFC 8259)
 * ------------------------------------------------------------------------------- */

static const char *value(const char *at);

static const char *blank(const char *at) { return at ? at + strspn(at, " \t\n\r") : NULL; }

static const char *text(const char *at) {
  if (*at++ != '"') return NULL;
  for (; *at != '"'; at++) {
    if ((unsigned char)*at < 32) return NULL;
    if (*at != '\\') continue;
    at++;
    if (*at == 'u') {
      for (int i = 0; i < 4; i++)
        if (!isxdigit((unsigned char)*++at)) return NULL;
    } else if (!*at || !strchr("\"\\/bfnrt", *at))
      return NULL;
  }
  return at + 1;
}

static const char *digits(const char *at) {
  const size_t n = strspn(at, "0123456789");
  return n ? at + n : NULL;
}

static const char *number(const char *at) {
  if (*at == '-') at++;
  if (*at == '0' && isdigit((unsigned char)at[1])) return NULL;
  at = digits(at);
  if (at && *at == '.') at = digits(at + 1);
  if (at && (*at == 'e' || *at == 'E')) at = digits(at + 1 + (at[1] == '-' || at[1] == '+'));
  return at;
}

/* A list or an object. */
static const char *several(const char *at, char end) {
  at = blank(at + 1);
  if (*at == end) return at + 1;
  for (;;) {
    if (end == '}') {
      at = blank(text(at));
      if (!at || *at != ':') return NULL;
      at = blank(at + 1);
    }
    at = blank(value(at));
    if (!at || (*at != ',' && *at != end)) return NULL;
    if (*at == end) return at + 1;
    at = blank(at + 1);
  }
}

static const char *value(const char *at) {
  static const char *const words[] = {"null", "true", "false"};
  for (int i = 0; i < 3; i++)
    if (strncmp(at, words[i], strlen(words[i])) == 0) return at + strlen(words[i]);
  return *at == '{'   ? several(at, '}')
         : *at == '[' ? several(at, ']')
         : *at == '"' ? text(at)
                      : number(at);
}

static bool valid(const char *json) {
  const char *end = blank(value(blank(json)));
  return end && *end == 0;
}

/* --- Reports
 * --------------------------------------------------------------------------------------------------
 */

static sb_metric metrics[] = {
    {"energy_distance", "2", 1, 0.0123, 1e-4, 2e-5, 3e-4, 2.5e-4, 1.75, 10000, 5000, SB_LESS, 0},
    {"mode_weight", "", (double)NAN, 0.5, (double)NAN, (double)NAN, (double)NAN, (double)NAN,
     (double)NAN, 10000, 0, SB_TARGET, 0.25},
    {"a \"name\"\\\t", "1", 0.5, HUGE_VAL, 0, 0, 0, 0, 0, 1, 1, SB_MORE, 0},
};

static char *written(const sb_report *r) {
  char *json = NULL;
  if (!tap_ok(sb_report_write(c, folder, r) == SB_OK, "report: %s", sb_message())) return NULL;
  tap_ok(sb_text_read(c, in_folder("report.json"), &json, NULL) == SB_OK, "report.json: %s",
         sb_message());
  return json;
}

static void test_full(void) {
  static const char *const files[] = {"a.h5", "check", "absent"};
  const char *holds[] = {
      "{\"schema\":1,\"method\":\"two_stage\",\"seed\":-7,\"status\":\"done\"",
      "{\"name\":\"energy_distance\",\"stage\":\"2\",\"t\":1,\"value\":0.0123,\"stderr\":0.0001",
      "\"baseline\":1.75,\"n\":10000,\"m\":5000,\"better\":\"less\",\"target\":null}",
      "\"t\":null,\"value\":0.5,\"stderr\":null,\"floor\":null,\"floor_q95\":null,",
      "\"floor_q95\":null,\"floor_train\":null,\"baseline\":null,",
      "\"better\":\"target\",\"target\":0.25}",
      "{\"name\":\"a \\\"name\\\"\\\\\\u0009\",\"stage\":\"1\",\"t\":0.5,\"value\":null",
      "\"errors\":{\"time_step\":0.5,\"score\":null,\"ratio\":0.25,\"monte_carlo\":null}",
      "\"memory\":{\"predicted\":1000,\"peak\":PEAK}",
      "{\"path\":\"check\",\"bytes\":9,\"crc\":\"995dc9bbdf1939fa\"}",
      "{\"path\":\"a.p0001.h5\",\"bytes\":2,\"crc\":",
      "{\"path\":\"absent\",\"bytes\":null,\"crc\":null}"};
  char peak[64];
  snprintf(peak, sizeof peak, "\"memory\":{\"predicted\":1000,\"peak\":%d}", 2000 + c->size - 1);
  holds[8] = peak;
  const sb_report r = {.method = "two_stage",
                       .status = "done",
                       .seed = -7,
                       .metrics = metrics,
                       .metric_count = 3,
                       .error_time_step = 0.5,
                       .error_score = (double)NAN,
                       .error_ratio = 0.25,
                       .error_monte_carlo = (double)NAN,
                       .memory_predicted = 1000,
                       .memory_peak = 2000 + c->rank,
                       .files = files,
                       .file_count = 3};
  sb_text_write(c, in_folder("check"), "123456789", 9);
  sb_text_write(c, in_folder("a.h5"), "1", 1);
  sb_text_write(c, in_folder("a.p0001.h5"), "12", 2);
  sb_text_write(c, in_folder("a.p0003.h5"), "not the next part", 17);
  char *json = written(&r);
  if (!json) return;
  tap_ok(all(valid(json)), "it is JSON");
  for (size_t i = 0; i < sizeof holds / sizeof *holds; i++)
    tap_ok(strstr(json, holds[i]), "holds %s", holds[i]);
  tap_ok(!strstr(json, "p0003"), "parts end with the first that is missing");
  tap_ok(!strstr(json, "nan") && !strstr(json, "inf"), "no number that JSON does not know");
  sb_mem_free(json);
}

static void test_empty(void) {
  const sb_report r = {.method = "dsb", .status = "not_converged", .error_time_step = (double)NAN};
  char *json = written(&r);
  if (!json) return;
  tap_ok(valid(json) && strstr(json, "\"metrics\":[]") && strstr(json, "\"files\":[]"),
         "a report of nothing is JSON");
  sb_mem_free(json);
}

/* Phases: rank k spends k hundredths of a second. */
static void test_phases(void) {
  const sb_report r = {.method = "kernel", .status = "stopped"};
  char want[64];
  double mean = 0, min = 0, max = 0;
  int rank = -1;
  sb_timer(SB_T_NOISE, sb_clock() - 0.25 * (c->rank + 1));
  char *json = written(&r);
  if (!json) return;
  snprintf(want, sizeof want, "{\"name\":\"noise\",\"mean\":");
  const char *at = strstr(json, want);
  const bool read = at && sscanf(at + strlen(want), "%lf,\"min\":%lf,\"max\":%lf,\"rank_max\":%d",
                                 &mean, &min, &max, &rank) == 4;
  tap_ok(read && rank == c->size - 1, "the slowest rank is named");
  tap_close(mean, 0.125 * (c->size + 1), 1e-3, "mean over ranks");
  tap_close(min, 0.25, 1e-3, "least of the ranks");
  tap_close(max, 0.25 * c->size, 1e-3, "most of the ranks");
  tap_ok(strstr(json, "{\"name\":\"total\""), "the whole run");
  sb_mem_free(json);
}

static void test_failures(void) {
  const sb_report r = {.method = "kernel", .status = "stopped"};
  sb_file_fault("text:0:1");
  tap_ok(all(sb_report_write(c, folder, &r) == SB_SYS) && strstr(sb_message(), "injected"),
         "failure: %s", sb_message());
  sb_file_fault(NULL);
  sb_forget();
  tap_ok(all(sb_report_write(c, in_folder("absent"), &r) == SB_SYS), "no such directory: %s",
         sb_message());
  sb_forget();
}

int main(int argc, char **argv) {
  sb_comm *world;
  if (sb_comm_start(&argc, &argv, &world)) return 3;
  c = world;
  tap_rank = c->rank;
  sb_log_start(c->rank, argc < 2); /* any argument: shows the tables */
  sb_clock_start();
  const char *scratch = getenv("SCRATCH");
  snprintf(folder, sizeof folder, "%s/np%d", scratch ? scratch : ".", c->size);
  sb_dir_make(c, folder);
  const int64_t before = sb_mem_now();
  test_full();
  test_empty();
  test_phases();
  test_failures();
  tap_ok(all(sb_mem_now() == before), "no memory is left behind");
  sb_comm_finish(world);
  return tap_done();
}
