/* RUN np=1
 * RUN np=2
 * RUN np=3
 * RUN np=4
 * Tables, trajectories and grids: what is in the files, what XDMF says of it, parts, overwriting,
 * failures. */
#include <stdlib.h>
#include <string.h>

#include "sb/mem.h"
#include "sb/recorder.h"
#include "tap.h"

static const sb_comm *c;
static char folder[256];

static const char *in_folder(const char *name) {
  static char full[8][512];
  static int turn;
  turn = (turn + 1) % 8;
  snprintf(full[turn], sizeof *full, "%s/%s", folder, name);
  return full[turn];
}

static bool all(bool mine) {
  int64_t no = !mine;
  return sb_max_int(c, &no, 1) == SB_OK && no == 0;
}

/* --- XDMF
 * ------------------------------------------------------------------------------------------------
 */

/* One reference <DataItem Dimensions="a b" NumberType="t" Precision="p"
 * Format="HDF">file:path</DataItem>: is it there, of this shape and type? */
static bool reference_holds(const char *text) {
  char dims[64], type[16], file[128], path[128];
  int precision, rank, at = 0, more;
  int64_t shape[4], n;
  sb_kind kind;
  sb_file *f;
  if (sscanf(text,
             "<DataItem Dimensions=\"%63[0-9 ]\" NumberType=\"%15[A-Za-z]\" Precision=\"%d\" "
             "Format=\"HDF\">%127[^:<]:%127[^<]<",
             dims, type, &precision, file, path) != 5)
    return false;
  if (strchr(file, '/') || sb_file_open(c, in_folder(file), &f)) return false;
  bool good = sb_file_shape(f, path, &rank, shape, &kind) == SB_OK;
  for (int i = 0; i < rank && good; i++) {
    long long dim = -1;
    good = sscanf(dims + at, "%lld%n", &dim, &more) == 1 && dim == shape[i];
    at += more;
  }
  good = good && dims[at] == 0 && sb_file_get(f, path, kind, 0, 0, &n) == SB_OK;
  static const struct {
    const char *type;
    int precision;
  } types[] = {{"Float", 4}, {"Float", 8}, {"Int", 4}, {"Int", 8}, {"UChar", 1}};
  good = good && strcmp(type, types[kind].type) == 0 && precision == types[kind].precision;
  sb_file_close(f);
  return good;
}

/* Every reference holds and both files are the same; counts what there is. */
static void test_xdmf(const char *name, int grids, int arrays, int references) {
  char file[64], *text = NULL, *twin = NULL;
  snprintf(file, sizeof file, "%s.xmf", name);
  bool good = sb_text_read(c, in_folder(file), &text, NULL) == SB_OK;
  snprintf(file, sizeof file, "%s.xdmf2", name);
  good = good && sb_text_read(c, in_folder(file), &twin, NULL) == SB_OK;
  if (!tap_ok(good && strcmp(text, twin) == 0, "%s: XDMF under two names: %s", name, sb_message()))
    return;
  int found[3] = {0};
  for (const char *at = text; (at = strstr(at, "<Time ")) != NULL; at++) found[0]++;
  for (const char *at = text; (at = strstr(at, "<Attribute ")) != NULL; at++) found[1]++;
  for (const char *at = text; good && (at = strstr(at, "<DataItem ")) != NULL; at++) {
    const char *hdf = strstr(at, "HDF"), *end = strstr(at, "</DataItem>");
    if (!hdf || !end || hdf > end) continue;
    found[2]++;
    good = reference_holds(at);
    if (!good) tap_ok(false, "%s: %.*s: %s", name, (int)(end - at), at, sb_message());
  }
  tap_ok(good, "%s: every dataset that XDMF names is there, with its shape and type", name);
  tap_ok(found[0] == grids && found[1] == arrays && found[2] == references,
         "%s: XDMF has %d times, %d arrays, %d references", name, found[0], found[1], found[2]);
  sb_mem_free(text);
  sb_mem_free(twin);
}

/* Value i of a dataset of doubles, from rank 0. */
static double value(const char *file, const char *path, int64_t row, int64_t i) {
  double x[512] = {NAN};
  sb_file *f;
  if (sb_file_open(c, in_folder(file), &f)) return NAN;
  if (sb_file_get(f, path, SB_KIND_F64, row, 1, x)) x[i] = NAN;
  sb_file_close(f);
  return x[i];
}

static double attribute(const char *file, const char *path, const char *name) {
  double x = NAN;
  sb_file *f;
  if (sb_file_open(c, in_folder(file), &f)) return NAN;
  if (sb_file_get_real(f, path, name, 1, &x)) x = NAN;
  sb_file_close(f);
  return x;
}

/* --- Tables
 * -----------------------------------------------------------------------------------------------
 */

/* x of particle i, coordinate k, at a time. */
static double position(int64_t i, int k, double t) { return (double)i + 0.25 * k + 10 * t; }

/* Axes that pick coordinates 4, 2 and 0. */
static sb_projection projection5 = {.d = 5, .explained = {0.5, 0.25, 0.125}};
static double mean5[5] = {1, 2, 3, 4, 5}, axes5[15] = {[4] = 1, [7] = 1, [10] = 1};

static sb_status write_table(const char *name, int64_t n, int d, int overwrite) {
  const sb_share mine = sb_share_of(c, n);
  double *x;
  int32_t *label;
  const int64_t image[2] = {2, 3};
  const double kept[] = {1, 2, 3, 4};
  const sb_column extra = {"/training", "x", "rows", SB_KIND_F64,          2,
                           {2, 2},      0,   0,      c->rank == 0 ? 2 : 0, kept};
  if (SB_NEW(&x, mine.count * d, "test") || SB_NEW(&label, mine.count, "test")) exit(3);
  for (int64_t i = 0; i < mine.count; i++) {
    label[i] = (int32_t)((mine.first + i) % 3);
    for (int k = 0; k < d; k++) x[i * d + k] = position(mine.first + i, k, 0);
  }
  const sb_table table = {folder,
                          name,
                          overwrite,
                          n,
                          d,
                          x,
                          label,
                          "draws",
                          &extra,
                          1,
                          image,
                          2,
                          d > 3 ? &projection5 : NULL,
                          NULL};
  sb_status s = sb_table_write(c, &table);
  sb_mem_free(x);
  sb_mem_free(label);
  return s;
}

static void test_tables(void) {
  int64_t image[2] = {0};
  char crc[17];
  sb_file *f;
  tap_ok(write_table("cloud2", 200, 2, 0) == SB_OK, "points in the plane: %s", sb_message());
  test_xdmf("cloud2", 1, 2, 4);
  tap_ok(
      value("cloud2.h5", "/x", 150, 1) == 150.25 && value("cloud2.h5", "/x3", 150, 1) == 150.25 &&
          value("cloud2.h5", "/x3", 150, 2) == 0 && value("cloud2.h5", "/id", 150, 0) == 150 &&
          value("cloud2.h5", "/label", 100, 0) == 1 && value("cloud2.h5", "/training", 1, 1) == 4,
      "their values");
  if (sb_file_open(c, in_folder("cloud2.h5"), &f)) exit(3);
  tap_ok(sb_file_get_int(f, "/", "image", 2, image) == SB_OK && image[1] == 3, "shape of an image");
  tap_ok(sb_file_get_text(f, "/x", "crc", crc, sizeof crc) == SB_OK &&
             strcmp(crc, "43262cdf1b274f26") == 0,
         "checksum of any number of ranks (%s)", crc);
  sb_file_close(f);
  tap_ok(all(write_table("cloud2", 200, 2, 0) == SB_USE) && strstr(sb_message(), "exists already"),
         "again: %s", sb_message());
  sb_forget();
  tap_ok(write_table("cloud2", 3, 2, 1) == SB_OK, "more ranks than rows: %s", sb_message());
  test_xdmf("cloud2", 1, 2, 4);
  tap_ok(write_table("cloud5", 70, 5, 0) == SB_OK, "points in five dimensions: %s", sb_message());
  test_xdmf("cloud5", 1, 2 + 5, 4 + 5);
  tap_ok(value("cloud5.h5", "/x3", 69, 0) == 69 + 1 - 5 &&
             value("cloud5.h5", "/x3", 69, 2) == 69 - 1 &&
             value("cloud5.h5", "/x_3", 69, 0) == 69.75 &&
             value("cloud5.h5", "/projection/axes", 1, 2) == 1 &&
             value("cloud5.h5", "/projection/explained_variance", 2, 0) == 0.125 &&
             value("cloud5.h5", "/projection/mean", 4, 0) == 5,
         "seen along three axes");
  tap_ok(write_table("none", 0, 3, 0) == SB_OK && !sb_path_exists(c, in_folder("none.xmf")),
         "no points: %s", sb_message());
}

/* --- Trajectories
 * ------------------------------------------------------------------------------------------- */

typedef struct run {
  const char *name;
  int64_t n, particles, frames, part;
  int d, overwrite;
} run;

static sb_status record(const run *r) {
  const sb_share mine = sb_share_of(c, r->n);
  const sb_recorder_options o = {
      folder, r->name, r->overwrite, r->particles, r->part, r->d, r->d > 3 ? &projection5 : NULL,
      NULL};
  sb_recorder *recorder;
  double *x, *v;
  if (SB_NEW(&x, mine.count * r->d, "test") || SB_NEW(&v, mine.count * r->d, "test")) exit(3);
  sb_status s = sb_recorder_open(c, &o, r->n, &recorder);
  const int64_t memory = sb_mem_peak();
  for (int64_t k = 0; k < r->frames && !s; k++) {
    const int leg = 2 * k >= r->frames;
    const double t = (double)k / 8 - leg;
    for (int64_t i = 0; i < mine.count; i++)
      for (int j = 0; j < r->d; j++) {
        x[i * r->d + j] = position(mine.first + i, j, (double)k);
        v[i * r->d + j] = -position(mine.first + i, j, (double)k);
      }
    s = sb_recorder_add(recorder, leg, k, t, mine.first, mine.count, x, v);
  }
  if (sb_mem_peak() > memory + (1 << 20)) tap_ok(false, "%s: memory grows", r->name);
  const sb_status end = sb_recorder_close(recorder);
  sb_mem_free(x);
  sb_mem_free(v);
  return s ? s : end;
}

static void test_trajectories(void) {
  tap_ok(record(&(run){"way2", 300, 100, 7, 3, 2, 0}) == SB_OK, "trajectories in the plane: %s",
         sb_message());
  test_xdmf("way2", 7, 7 * 2, 7 * 4);
  tap_ok(sb_path_exists(c, in_folder("way2.p0002.h5")) &&
             !sb_path_exists(c, in_folder("way2.p0003.h5")),
         "in three parts");
  tap_ok(value("way2.h5", "/step_000001/x", 99, 1) == 109.25 &&
             value("way2.p0001.h5", "/step_000005/v", 64, 0) == -114 &&
             value("way2.p0002.h5", "/step_000006/v3", 99, 1) == -159.25 &&
             value("way2.p0002.h5", "/step_000006/x3", 99, 2) == 0 &&
             value("way2.p0002.h5", "/id", 99, 0) == 99,
         "their values");
  tap_ok(attribute("way2.p0001.h5", "/step_000005", "time") == 0.625 &&
             attribute("way2.p0001.h5", "/step_000005", "leg") == 1 &&
             attribute("way2.p0001.h5", "/step_000005", "t") == -0.375 &&
             attribute("way2.p0001.h5", "/step_000005", "step") == 5,
         "their times");
  tap_ok(all(record(&(run){"way2", 300, 100, 2, 3, 2, 0}) == SB_USE) &&
             strstr(sb_message(), "exists already"),
         "again: %s", sb_message());
  sb_forget();
  tap_ok(record(&(run){"way2", 300, 2, 2, 3, 2, 1}) == SB_OK, "overwritten by a shorter one: %s",
         sb_message());
  test_xdmf("way2", 2, 2 * 2, 2 * 4);
  tap_ok(!sb_path_exists(c, in_folder("way2.p0001.h5")) &&
             !sb_path_exists(c, in_folder("way2.p0002.h5")),
         "later parts are gone");
  tap_ok(record(&(run){"way3", 65, 1000, 2, 2, 3, 0}) == SB_OK,
         "in space, all of few particles: %s", sb_message());
  test_xdmf("way3", 2, 2 * 2, 2 * 4);
  tap_ok(record(&(run){"way5", 65, 65, 3, 2, 5, 0}) == SB_OK, "in five dimensions: %s",
         sb_message());
  test_xdmf("way5", 3, 3 * 7, 3 * 9);
  tap_ok(value("way5.p0001.h5", "/step_000002/v3", 64, 1) == -84.5 &&
             value("way5.p0001.h5", "/step_000002/x3", 64, 1) == 84.5 - 3,
         "velocities have no mean");
  tap_ok(all(record(&(run){"way1", 65, 0, 3, 2, 1, 0}) == SB_USE), "no particles: %s",
         sb_message());
  sb_forget();
}

static void test_failures(void) {
  char fault[32];
  const run old = {"kept", 200, 200, 4, 2, 2, 1}, same = {"kept", 200, 200, 4, 2, 2, 1};
  if (!tap_ok(record(&old) == SB_OK, "an old recording: %s", sb_message())) return;
  static const char *const steps[] = {"create", "write", "close", "commit", "text"};
  for (int i = 0; i < 5; i++) {
    snprintf(fault, sizeof fault, "%s:%d:%d", steps[i], c->size - 1, i == 1 ? 5 : 2);
    sb_file_fault(fault);
    const bool failed = all(record(&same) == SB_SYS) && strstr(sb_message(), "injected");
    sb_file_fault(NULL);
    tap_ok(failed, "%s: %s", fault, sb_message());
    sb_forget();
    tap_ok(!sb_path_exists(c, in_folder("kept.h5.part")) &&
               !sb_path_exists(c, in_folder("kept.p0001.h5.part")),
           "%s: no part is left", fault);
    test_xdmf("kept", 2, 4, 8); /* of the part that was finished */
  }
}

/* --- Grids
 * --------------------------------------------------------------------------------------------------
 */

static sb_status write_grid(const char *name, const sb_grid *g, int times) {
  const sb_share mine = sb_share_of(c, sb_grid_points(g));
  double *x, *density;
  sb_grid_file *f;
  if (SB_NEW(&x, 3 * mine.count, "test") || SB_NEW(&density, mine.count, "test")) exit(3);
  sb_grid_at(g, mine.first, mine.count, x);
  for (int64_t i = 0; i < mine.count; i++) density[i] = (double)(mine.first + i);
  const sb_grid_array arrays[] = {{"velocity", "x", "the place itself", 3, x},
                                  {"density", "1", "the index", 1, density}};
  sb_status s = sb_grid_create(c, folder, name, 0, g, g->axes == 3 ? NULL : &projection5, NULL, &f);
  for (int k = 0; k < times && !s; k++) s = sb_grid_add(f, k, 0.5, arrays, 2);
  const sb_status end = s ? SB_OK : sb_grid_close(f);
  sb_mem_free(x);
  sb_mem_free(density);
  return s ? s : end;
}

static void test_grids(void) {
  const sb_grid plane = {.axes = 2, .shape = {9, 7}, .origin = {-1, 2}, .spacing = {0.5, 0.25}};
  const sb_grid space = {.axes = 3, .shape = {5, 6, 7}, .origin = {0, 1, 2}, .spacing = {1, 2, 3}};
  double x[3];
  sb_grid_at(&space, 1 + 5 * (2 + 6 * 3), 1, x);
  tap_ok(x[0] == 1 && x[1] == 5 && x[2] == 11, "places of a grid");
  tap_ok(write_grid("plane", &plane, 3) == SB_OK, "a grid of two axes: %s", sb_message());
  test_xdmf("plane", 3, 6, 6);
  tap_ok(value("plane.h5", "/step_000002/density", 0, 40) == 40 &&
             value("plane.h5", "/step_000001/velocity", 0, 3 * 9 + 1) == 2.25,
         "its values");
  tap_ok(attribute("plane.h5", "/step_000002", "time") == 2.5 &&
             attribute("plane.h5", "/grid", "axes") == 2,
         "its times");
  tap_ok(write_grid("space", &space, 1) == SB_OK, "a grid of three axes: %s", sb_message());
  test_xdmf("space", 1, 2, 2);
  tap_ok(value("space.h5", "/step_000000/density", 6, 7) == 6 * 30 + 7, "its values");
  tap_ok(all(write_grid("space", &space, 1) == SB_USE), "again: %s", sb_message());
  sb_forget();
}

int main(int argc, char **argv) {
  sb_comm *world;
  if (sb_comm_start(&argc, &argv, &world)) return 3;
  c = world;
  tap_rank = c->rank;
  projection5.mean = mean5;
  projection5.axes = axes5;
  const char *scratch = getenv("SCRATCH");
  snprintf(folder, sizeof folder, "%s/np%d", scratch ? scratch : ".", c->size);
  sb_dir_make(c, folder);
  tap_ok(write_table("warm", 1, 2, 1) == SB_OK, "the first file: %s", sb_message());
  const int64_t before = sb_mem_now();
  test_tables();
  test_trajectories();
  test_failures();
  test_grids();
  tap_ok(all(sb_mem_now() == before), "no memory is left behind");
  sb_comm_finish(world);
  return tap_done();
}
