/* Damaged and hostile HDF5 files as checkpoints and as tables.
 *
 * Input that begins like an HDF5 file is one. The library itself crashes on some damaged files, and
 * so the program lets a process of its own go through a file first (sb_file_probe): here a child
 * does, and what it does not survive counts as refused. Any other input is a list of changes to a
 * whole file, made by the library: such files are well formed, and hold other things than the
 * program expects. These have to be borne without a look before. */
#include <fcntl.h>
#include <hdf5.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "sb/checkpoint.h"
#include "sb/data.h"
#include "sb/mem.h"

/* --- The reader under test
 * ------------------------------------------------------------------------------------------- */

static sb_comm *world;
static char folder[256], path[300], base[300];

static float weights[6];
static double history[3][2];
static int64_t steps;
static uint8_t crc[16];
static double nothing[1];
static const sb_block blocks[] = {
    {"/net/score/parameters",
     "weights",
     SB_KIND_F32,
     1,
     {6},
     weights,
     "shape version=1\nin 2 3 0\n",
     0},
    {"/history/score", "losses", SB_KIND_F64, 2, {3, 2}, history, NULL, 0},
    {"/state/score/step", "steps", SB_KIND_I64, 1, {1}, &steps, NULL, 0},
    {"/data/crc", "checksum", SB_KIND_U8, 1, {16}, crc, NULL, 0},
    {"/data/none", "nothing", SB_KIND_F64, 1, {0}, nothing, NULL, 1}};
#define BLOCKS ((int)(sizeof blocks / sizeof *blocks))

/* A failure has a message of one line; then it is forgotten. */
static sb_status end(sb_status s) {
  REQUIRE(!s == !sb_message()[0] && !strchr(sb_message(), '\n'));
  sb_forget();
  return s;
}

static void read_checkpoint(void) {
  sb_checkpoint k;
  const sb_status s = sb_checkpoint_open(world, path, &k);
  if (end(s)) return;
  end(sb_checkpoint_load(&k, blocks, BLOCKS));
  REQUIRE(sb_checkpoint_rows(&k, "/history/score") >= 0);
  sb_forget();
  end(sb_file_verify(k.file));
  sb_checkpoint_close(&k);
}

static void read_table(unsigned how) {
  char name[] = "/x";
  sb_data_options o = {.file = path, .dataset = name, .n = how >> 6 & 1 ? 3 : 0};
  sb_data *data = NULL;
  o.standardise = (int)(how & 7) % 5;
  o.project = how >> 3 & 1 ? SB_PROJECT_PCA : SB_PROJECT_NONE;
  o.components = how >> 4 & 1 && o.project == SB_PROJECT_PCA ? 2 : 0;
  o.validation = how >> 5 & 1 ? 0.3 : 0;
  if (!end(sb_data_open(world, &o, NULL, 1, &data))) {
    float x[4096];
    REQUIRE(data->d >= 1 && data->n >= 2 && data->total == data->n + data->n_held);
    if (data->d <= 4096) sb_data_batch(data, 1, 0, 1, 0, 1, x);
  }
  sb_data_close(world, data);
}

/* --- A process of its own looks first
 * ------------------------------------------------------------------------------------------- */

#define PATIENCE 2 /* seconds */

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED __has_feature(address_sanitizer)
#else
#define SANITIZED 0
#endif
#if SANITIZED
void __sanitizer_set_death_callback(void (*callback)(void));
#endif

static void look(void) {
  static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM, SIGTERM};
  const int none = open("/dev/null", O_WRONLY);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) signal(signals[i], SIG_DFL);
#if SANITIZED
  __sanitizer_set_death_callback(NULL); /* its end is none of the search's business */
#endif
  dup2(none, STDERR_FILENO);
  _exit(sb_file_probed(path));
}

static int is_sound(void) {
  const struct timespec nap = {0, 200000};
  int status = 1;
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) look();
  for (int naps = 0; waitpid(child, &status, WNOHANG) == 0; naps++) {
    if (naps > PATIENCE * 5000) kill(child, SIGKILL);
    nanosleep(&nap, NULL);
  }
  return status == 0;
}

/* --- Files made by the library
 * ------------------------------------------------------------------------------------------- */

typedef struct input {
  const uint8_t *at, *end;
} input;

static unsigned next(input *in) { return in->at < in->end ? *in->at++ : 0; }

static const char *const objects[] = {"/x",     "/deck",          "/net/score/parameters",
                                      "/net",   "/history/score", "/state/score/step",
                                      "/about", "/data/crc",      "/data/none",
                                      "/",      "/numerics",      "/weight",
                                      "/label", "/history",       "/a\nb",
                                      "/state", "/data",          "/net/score"};
static const char *const attributes[] = {"crc",          "schema",     "method", "kernels",
                                         "noise_layout", "block_rows", "layout", "version",
                                         "unit",         "image"};
static const char *const texts[] = {
    "",
    "n: 1",
    "0000000000000000",
    "two_stage",
    "a text that is longer than anything that has a limit of 64 letters, or so",
    "\xff\n\x01%s%n",
    "avx2",
    "shape version=1\nin 2 3 0\n"};
static const hsize_t sizes[] = {0,          1,          2,          3,         6,   16,
                                64,         65,         10,         70,        300, 1u << 20,
                                1ull << 31, 1ull << 32, 1ull << 61, ~0ull >> 1};
#define PICK(list, k) (list)[(k) % (sizeof(list) / sizeof *(list))]

static hid_t type_of(unsigned k) {
  hid_t type;
  switch (k % 16) {
    case 0: return H5Tcopy(H5T_IEEE_F32LE);
    case 1: return H5Tcopy(H5T_IEEE_F64BE);
    case 2: return H5Tcopy(H5T_STD_I64LE);
    case 3: return H5Tcopy(H5T_STD_U8LE);
    case 4: return H5Tcopy(H5T_STD_U64LE);
    case 5: return H5Tcopy(H5T_STD_I16BE);
    case 6: return H5Tcopy(H5T_STD_REF_OBJ);
    case 7:
      type = H5Tcopy(H5T_C_S1);
      H5Tset_size(type, H5T_VARIABLE);
      return type;
    case 8:
      type = H5Tcopy(H5T_C_S1);
      H5Tset_size(type, 1 + k / 16 * 8);
      return type;
    case 9:
      type = H5Tcreate(H5T_COMPOUND, 16);
      H5Tinsert(type, "a", 0, H5T_IEEE_F64LE);
      return type;
    case 10: return H5Tarray_create2(H5T_IEEE_F32LE, 1, (hsize_t[]){3});
    case 11: return H5Tvlen_create(H5T_STD_I32LE);
    case 12: return H5Tcreate(H5T_OPAQUE, 7);
    case 13: return H5Tenum_create(H5T_STD_I8LE);
    case 14:
      type = H5Tcopy(H5T_IEEE_F64LE);
      H5Tset_precision(type, 40);
      return type;
    default: return H5Tcopy(H5T_IEEE_F64LE);
  }
}

static hid_t space_of(input *in, hsize_t *elements, int *limited) {
  hsize_t shape[H5S_MAX_RANK];
  const unsigned k = next(in), rank = k % 7;
  *elements = 1;
  *limited = 1;
  if (k == 255) return H5Screate(H5S_NULL);
  for (unsigned i = 0; i < rank; i++) {
    shape[i] = PICK(sizes, next(in));
    if (shape[i] > 1u << 16) *limited = 0;
    if (*limited) *elements *= shape[i];
    if (*elements > 1u << 16) *limited = 0;
  }
  return rank ? H5Screate_simple((int)rank, shape, NULL) : H5Screate(H5S_SCALAR);
}

/* Bytes of the input over and over; texts of variable length from the list. */
static void *values_of(input *in, hid_t type, hsize_t elements, const char **text) {
  const size_t size = H5Tget_size(type);
  uint8_t *bytes = calloc((size_t)elements + 1, size + 8);
  const unsigned k = next(in);
  REQUIRE(bytes != NULL);
  *text = PICK(texts, k);
  if (H5Tis_variable_str(type) > 0)
    for (hsize_t i = 0; i < elements; i++) memcpy(bytes + i * size, text, sizeof *text);
  else if (H5Tget_class(type) != H5T_VLEN && H5Tget_class(type) != H5T_REFERENCE)
    for (size_t i = 0; i < (size_t)elements * size; i++)
      bytes[i] = k & 1 && in->at < in->end ? in->at[i % (size_t)(in->end - in->at)]
                                           : (uint8_t)(i * k >> 3);
  return bytes;
}

static void put_dataset(hid_t file, const char *name, input *in) {
  hsize_t elements;
  int limited;
  const char *text;
  const hid_t type = type_of(next(in)), space = space_of(in, &elements, &limited);
  const hid_t how = H5Pcreate(H5P_DATASET_CREATE), links = H5Pcreate(H5P_LINK_CREATE);
  const unsigned k = next(in);
  H5Pset_create_intermediate_group(links, 1);
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank > 0 && (k & 1 || !limited)) {
    hsize_t chunk[H5S_MAX_RANK];
    for (int i = 0; i < rank; i++) chunk[i] = 1 + k % 5;
    H5Pset_chunk(how, rank, chunk);
    if (k & 2) H5Pset_deflate(how, 1);
    if (k & 4) H5Pset_fletcher32(how);
  } else if (k & 8)
    H5Pset_layout(how, H5D_COMPACT);
  else if (k & 16)
    H5Pset_external(how, "/etc/hostname", 0, H5F_UNLIMITED);
  const hid_t set = H5Dcreate2(file, name, type, space, links, how, H5P_DEFAULT);
  if (set >= 0 && limited && !(k & 16)) {
    void *values = values_of(in, type, elements, &text);
    H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    free(values);
  }
  if (set >= 0) H5Dclose(set);
  H5Pclose(links);
  H5Pclose(how);
  H5Sclose(space);
  H5Tclose(type);
}

static void put_attribute(hid_t file, const char *name, input *in) {
  hsize_t elements;
  int limited;
  const char *label = PICK(attributes, next(in)), *text;
  const hid_t object = H5Oopen(file, name, H5P_DEFAULT);
  if (object < 0) return;
  if (H5Aexists(object, label) > 0) H5Adelete(object, label);
  const hid_t type = type_of(next(in)), space = space_of(in, &elements, &limited);
  const hid_t a = limited ? H5Acreate2(object, label, type, space, H5P_DEFAULT, H5P_DEFAULT) : -1;
  if (a >= 0) {
    void *values = values_of(in, type, elements, &text);
    H5Awrite(a, type, values);
    free(values);
    H5Aclose(a);
  }
  H5Sclose(space);
  H5Tclose(type);
  H5Oclose(object);
}

/* Elements, of which there may be more than the library can count. */
static double counted(hid_t space) {
  hsize_t shape[H5S_MAX_RANK];
  const int rank = H5Sget_simple_extent_dims(space, shape, NULL);
  double count = 1;
  for (int i = 0; i < rank; i++) count *= (double)shape[i];
  return count;
}

static void change(hid_t file, input *in) {
  const unsigned k = next(in);
  const char *name = PICK(objects, next(in)), *other = PICK(objects, k / 8);
  switch (k % 8) {
    case 0: H5Ldelete(file, name, H5P_DEFAULT); break;
    case 1:
      H5Ldelete(file, name, H5P_DEFAULT);
      H5Lcreate_soft(k & 64 ? "/etc" : other, file, name, H5P_DEFAULT, H5P_DEFAULT);
      break;
    case 2:
      H5Ldelete(file, name, H5P_DEFAULT);
      H5Lcreate_hard(file, other, file, name, H5P_DEFAULT, H5P_DEFAULT);
      break;
    case 3:
      H5Ldelete(file, name, H5P_DEFAULT);
      H5Lcreate_external(k & 64 ? base : "/etc/hostname", other, file, name, H5P_DEFAULT,
                         H5P_DEFAULT);
      break;
    case 4:
      H5Ldelete(file, name, H5P_DEFAULT);
      put_dataset(file, name, in);
      break;
    case 5: put_attribute(file, name, in); break;
    case 6: {
      const hid_t group = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      if (group >= 0) H5Gclose(group);
      break;
    }
    default: { /* numbers of a dataset as it is */
      const hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
      const uint8_t byte = (uint8_t)next(in);
      uint8_t values[4096];
      memset(values, byte, sizeof values);
      if (set >= 0) {
        const hid_t type = H5Dget_type(set), space = H5Dget_space(set);
        if (counted(space) * (double)H5Tget_size(type) <= sizeof values &&
            H5Tis_variable_str(type) <= 0 && H5Tget_class(type) != H5T_VLEN)
          H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
        H5Sclose(space);
        H5Tclose(type);
      }
      if (set >= 0) H5Dclose(set);
    }
  }
}

/* --- Files
 * ------------------------------------------------------------------------------------------- */

static void write_bytes(const uint8_t *bytes, size_t size) {
  FILE *f = fopen(path, "wb");
  REQUIRE(f && fwrite(bytes, 1, size, f) == size && fclose(f) == 0);
}

static uint8_t *whole; /* of the file `base` */
static size_t whole_size;

static void make_file(input in) {
  write_bytes(whole, whole_size);
  const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  REQUIRE(file >= 0);
  for (int k = 0; k < 40 && in.at < in.end; k++) change(file, &in);
  H5Fclose(file);
}

/* A checkpoint that is a table, too. */
static void make_base(void) {
  static const double x[5][3] = {{0, 1, 2}, {1, 3, 5}, {2, 2, 2}, {4, 4, 1}, {7, 1, 1}};
  sb_block all[BLOCKS + 1];
  struct stat what;
  memcpy(all, blocks, sizeof blocks);
  all[BLOCKS] = (sb_block){"/x", "rows", SB_KIND_F64, 2, {5, 3}, (void *)(uintptr_t)x, NULL, 0};
  REQUIRE(!sb_checkpoint_write(world, base, 0, "two_stage", "seed: 1\n", NULL, all, BLOCKS + 1));
  FILE *f = fopen(base, "rb");
  REQUIRE(f && fstat(fileno(f), &what) == 0);
  whole_size = (size_t)what.st_size;
  whole = malloc(whole_size);
  REQUIRE(whole && fread(whole, 1, whole_size, f) == whole_size && fclose(f) == 0);
}

static void clean(void) {
  unlink(path);
  unlink(base);
  rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  const char *scratch = getenv("SCRATCH");
  snprintf(folder, sizeof folder, "%s/hdf5.XXXXXX", scratch ? scratch : "/tmp");
  setenv("SB_MEMORY_LIMIT", "4000000", 1);
  REQUIRE(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/input.h5", folder);
  snprintf(base, sizeof base, "%s/base.h5", folder);
  REQUIRE(!sb_comm_start(argc, argv, &world));
  make_base();
  atexit(clean);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static const uint8_t signature[4] = {0x89, 'H', 'D', 'F'};
  const int raw = size >= 4 && !memcmp(bytes, signature, 4);
  const int64_t before = sb_mem_now();
  if (raw)
    write_bytes(bytes, size);
  else
    make_file((input){bytes + (size > 0), bytes + size});
  if (!raw || is_sound()) {
    read_checkpoint();
    read_table(size ? bytes[size - 1] : 0);
  }
  REQUIRE(sb_mem_now() == before);
  REQUIRE(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 0);
  return 0;
}
