/* Pixels in the page: sheets of draws that are pictures, and PNG files that stand in the folder. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "sb/mem.h"

#define SHEET       60         /* pictures on a sheet    */
#define ACROSS      12         /* in one line            */
#define PIXELS_MOST (4 << 20)  /* of a sheet             */
#define FILE_MOST   (8 << 20)  /* bytes of a PNG file    */
#define TOTAL_MOST  (40 << 20) /* of all that are shown  */
#define NAMES_MOST  64

/* --- Base 64 (RFC 4648)
 * -------------------------------------------------------------------------- */

static sb_status add_base64(sb_text *t, const unsigned char *data, int64_t n) {
  static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char line[65];
  int at = 0;
  for (int64_t i = 0; i < n; i += 3) {
    const unsigned a = data[i], b = i + 1 < n ? data[i + 1] : 0, c = i + 2 < n ? data[i + 2] : 0;
    line[at++] = digit[a >> 2];
    line[at++] = digit[(a & 3) << 4 | b >> 4];
    line[at++] = i + 1 < n ? digit[(b & 15) << 2 | c >> 6] : '=';
    line[at++] = i + 2 < n ? digit[c & 63] : '=';
    if (at < 64 && i + 3 < n) continue;
    line[at] = 0;
    sb_text_add(t, "%s", line);
    at = 0;
  }
  return t->status;
}

static void image_begin(report *r) { sb_text_add(&r->page, "<img alt=\""); }

static sb_status image_end(report *r, const char *attributes, const unsigned char *png, int64_t n) {
  sb_text_add(&r->page, "\" %s src=\"data:image/png;base64,", attributes);
  const sb_status s = add_base64(&r->page, png, n);
  sb_text_add(&r->page, "\">\n");
  return s;
}

/* --- PNG (RFC 2083) without compression: the same bytes whatever library is there
 * ---------------- */

typedef struct png {
  unsigned char *data;
  int64_t n;
} png;

static void put_byte(png *p, unsigned x) { p->data[p->n++] = (unsigned char)x; }

static void put_word(png *p, uint32_t x) {
  for (int shift = 24; shift >= 0; shift -= 8) put_byte(p, x >> shift & 255);
}

static uint32_t crc32_of(const unsigned char *data, int64_t n) {
  uint32_t crc = 0xFFFFFFFFu;
  for (int64_t i = 0; i < n; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

static int64_t chunk_begin(png *p, const char *type) {
  const int64_t at = p->n;
  put_word(p, 0);
  for (int i = 0; i < 4; i++) put_byte(p, (unsigned char)type[i]);
  return at;
}

static void chunk_end(png *p, int64_t at) {
  const int64_t length = p->n - at - 8, end = p->n;
  p->n = at;
  put_word(p, (uint32_t)length);
  p->n = end;
  put_word(p, crc32_of(p->data + at + 4, length + 4));
}

/* A stream of zlib in stored blocks (RFC 1950, 1951). */
static void put_stored(png *p, const unsigned char *raw, int64_t n) {
  uint32_t a = 1, b = 0;
  put_byte(p, 0x78), put_byte(p, 0x01);
  for (int64_t i = 0; i < n; i += 65535) {
    const unsigned length = (unsigned)(n - i < 65535 ? n - i : 65535);
    put_byte(p, i + length == n);
    put_byte(p, length & 255), put_byte(p, length >> 8);
    put_byte(p, ~length & 255), put_byte(p, (~length >> 8) & 255);
    memcpy(p->data + p->n, raw + i, length);
    p->n += length;
  }
  for (int64_t i = 0; i < n; i++) a = (a + raw[i]) % 65521, b = (b + a) % 65521;
  put_word(p, b << 16 | a);
}

/* Lines of `wide` pixels of 1 or 3 bytes, each after a zero: raw [high, 1 + wide * depth]. */
static sb_status png_of(const unsigned char *raw, int wide, int high, int depth, png *out) {
  static const unsigned char mark[] = {137, 80, 78, 71, 13, 10, 26, 10};
  const int64_t n = (int64_t)high * (1 + (int64_t)wide * depth);
  int64_t at;
  out->n = sizeof mark;
  SB_TRY(SB_NEW(&out->data, n + n / 60000 * 8 + 200, "a picture"));
  memcpy(out->data, mark, sizeof mark);
  at = chunk_begin(out, "IHDR");
  put_word(out, (uint32_t)wide), put_word(out, (uint32_t)high);
  put_byte(out, 8), put_byte(out, depth == 3 ? 2 : 0);
  put_byte(out, 0), put_byte(out, 0), put_byte(out, 0);
  chunk_end(out, at);
  at = chunk_begin(out, "IDAT");
  put_stored(out, raw, n);
  chunk_end(out, at);
  at = chunk_begin(out, "IEND");
  chunk_end(out, at);
  return SB_OK;
}

/* --- Draws that are pictures
 * --------------------------------------------------------------------- */

/* Rows of x are pictures of high x wide pixels in `depth` colours, which come last, or first in
 * planes. */
typedef struct format {
  int high, wide, depth, planes;
} format;

/* The attribute `image` of samples.h5: (rows, columns) or with colours last or first. */
static int read_format(sb_file *f, int64_t d, format *out) {
  int64_t shape[3];
  int rank = 3;
  if (sb_file_get_int(f, "/", "image", 3, shape)) {
    sb_forget();
    rank = 2;
    if (sb_file_get_int(f, "/", "image", 2, shape)) {
      sb_forget();
      return 0;
    }
  }
  if (rank == 2) shape[2] = 1;
  out->planes = rank == 3 && (shape[0] == 1 || shape[0] == 3) && shape[2] != 1 && shape[2] != 3;
  const int64_t high = shape[out->planes], wide = shape[1 + out->planes],
                depth = shape[out->planes ? 0 : 2];
  if (high < 1 || wide < 1 || depth < 1 || high > 4096 || wide > 4096 || depth > 4 ||
      high * wide * depth != d)
    return 0;
  *out = (format){(int)high, (int)wide, (int)depth, out->planes};
  return 1;
}

static unsigned char shade(const format *f, const double *x, int i, int j, int colour, double low,
                           double high) {
  const int64_t k = f->planes ? ((int64_t)colour * f->high + i) * f->wide + j
                              : ((int64_t)i * f->wide + j) * f->depth + colour;
  const double part = (x[k] - low) / (high - low);
  return (unsigned char)(part > 0 ? 255 * fmin(1, part) + 0.5 : 0);
}

/* Lays pictures [n, d] out, ACROSS in a line with white between; doubled: those of y below those of
 * x, pair by pair. */
static sb_status sheet(report *r, const format *f, int n, const double *x, const double *y,
                       double low, double high, const char *words) {
  const int gap = 2, lines = (n + ACROSS - 1) / ACROSS, per = y ? 2 : 1,
            depth = f->depth >= 3 ? 3 : 1;
  const int wide = (n < ACROSS ? n : ACROSS) * (f->wide + gap) - gap,
            line = per * f->high + (per == 2 ? 1 + 3 * gap : gap),
            tall = lines * line - (line - per * f->high) + (per - 1);
  const int64_t row = 1 + (int64_t)wide * depth, d = (int64_t)f->high * f->wide * f->depth;
  unsigned char *raw;
  png p = {0};
  char attributes[96];
  if (row * tall > 3 * (int64_t)PIXELS_MOST) return SB_OK;
  SB_TRY(SB_NEW(&raw, row * tall, "a sheet of pictures"));
  memset(raw, 255, (size_t)(row * tall));
  for (int i = 0; i < tall; i++) raw[i * row] = 0;
  for (int k = 0; k < n; k++)
    for (int w = 0; w < per; w++) {
      const int top = k / ACROSS * line + w * (f->high + 1), left = k % ACROSS * (f->wide + gap);
      for (int i = 0; i < f->high; i++)
        for (int j = 0; j < f->wide; j++)
          for (int c = 0; c < depth; c++)
            raw[(top + i) * row + 1 + (int64_t)(left + j) * depth + c] =
                shade(f, (w ? y : x) + k * d, i, j, f->depth >= 3 ? c : 0, low, high);
    }
  const int zoom = wide < 350 ? 3 : wide < 550 ? 2 : 1;
  snprintf(attributes, sizeof attributes, "class=\"pixel\" width=\"%d\" height=\"%d\"", zoom * wide,
           zoom * tall);
  sb_status s = png_of(raw, wide, tall, depth, &p);
  image_begin(r);
  sb_text_xml(&r->page, words);
  if (!s) s = image_end(r, attributes, p.data, p.n);
  sb_mem_free(p.data);
  sb_mem_free(raw);
  return s;
}

/* Range of shades: pictures between 0 and 1, or 0 and 255, as such; others by their own range. */
static void range_of(const double *x, int64_t n, double *low, double *high) {
  double least = INFINITY, most = -INFINITY;
  for (int64_t i = 0; i < n; i++) least = fmin(least, x[i]), most = fmax(most, x[i]);
  *low = 0, *high = most > 2 ? 255 : 1;
  if (least < -0.5 || most > 300 || most <= 0)
    *low = least, *high = most > least ? most : least + 1;
}

static sb_status draw_sheets(report *r, sb_file *f, const format *form, int64_t rows, int64_t d) {
  const int most = (int)fmax(1, fmin(SHEET, fmin((double)rows, (double)PIXELS_MOST / (double)d)));
  double *x, *near = NULL, low, high;
  int rank, pairs = 0;
  int64_t shape[4];
  sb_kind kind;
  SB_TRY(SB_NEW(&x, most * d, "pictures"));
  sb_status s = sb_file_get(f, "/x", SB_KIND_F64, 0, most, x);
  range_of(x, most * d, &low, &high);
  if (!s && sb_file_has(f, "/nearest"))
    s = sb_file_shape(f, "/nearest", &rank, shape, &kind),
    pairs = !s && rank == 2 && shape[1] == d ? (int)fmin(24, fmin((double)shape[0], most)) : 0;
  if (!s && pairs) s = SB_NEW(&near, pairs * d, "pictures");
  if (!s && pairs) s = sb_file_get(f, "/nearest", SB_KIND_F64, 0, pairs, near);
  plot_figure(r);
  if (!s) s = sheet(r, form, most, x, NULL, low, high, "Sheet of the first draws as pictures");
  plot_figure_end(r, "The first draws.");
  if (!s && pairs) {
    plot_figure(r);
    s = sheet(r, form, pairs, x, near, low, high,
              "Draws above, and below each the training picture nearest to it");
    plot_figure_end(r,
                    "Draws, and below each the training picture nearest to it: draws that are "
                    "copies would show here.");
  }
  sb_mem_free(near);
  sb_mem_free(x);
  return s;
}

sb_status report_images(report *r) {
  sb_file *f;
  format form;
  int rank;
  int64_t shape[4];
  sb_kind kind;
  SB_TRY(report_open(r, "samples.h5", &f));
  if (!f) return SB_OK;
  sb_status s = sb_file_shape(f, "/x", &rank, shape, &kind);
  if (!s && rank == 2 && shape[0] > 0 && read_format(f, shape[1], &form)) {
    report_section(r, "images", "Draws as pictures");
    s = draw_sheets(r, f, &form, shape[0], shape[1]);
    report_section_end(r);
  }
  sb_file_close(f);
  return s;
}

/* --- PNG files of the folder
 * --------------------------------------------------------------------- */

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

/* Names of PNG files in folder/below, in order. */
static sb_status list(const report *r, const char *below, char (*names)[256], int *n) {
  char path[1024];
  SB_TRY(report_path(r, below, path));
  DIR *directory = opendir(path);
  if (!directory) return SB_OK;
  const int first = *n;
  for (const struct dirent *e; (e = readdir(directory)) && *n < NAMES_MOST;) {
    const size_t length = strlen(e->d_name);
    if (length < 5 || strcmp(e->d_name + length - 4, ".png") || e->d_name[0] == '.') continue;
    if (snprintf(names[*n], sizeof *names, "%s%s%s", below, below[0] ? "/" : "", e->d_name) <
        (int)sizeof *names)
      ++*n;
  }
  closedir(directory);
  qsort(names + first, (size_t)(*n - first), sizeof *names, by_name);
  return SB_OK;
}

/* The bytes of a PNG file (sb_mem_new), at most FILE_MOST; NULL where it is none. */
static sb_status read_png(const report *r, const char *name, unsigned char **out, int64_t *n) {
  static const unsigned char mark[] = {137, 80, 78, 71, 13, 10, 26, 10};
  char path[1024];
  *out = NULL;
  SB_TRY(report_path(r, name, path));
  FILE *file = fopen(path, "rb");
  if (!file) return SB_OK;
  sb_status s = SB_NEW(out, FILE_MOST + 1, "a picture");
  *n = s ? 0 : (int64_t)fread(*out, 1, FILE_MOST + 1, file);
  fclose(file);
  if (s || (*n > 24 && *n <= FILE_MOST && !memcmp(*out, mark, sizeof mark))) return s;
  sb_mem_free(*out);
  *out = NULL;
  return SB_OK;
}

static int word_at(const unsigned char *data) {
  return data[0] > 0 || data[1] > 0x10 ? 0 : data[1] << 16 | data[2] << 8 | data[3];
}

static sb_status show_png(report *r, const char *name, int64_t *total) {
  unsigned char *data;
  char attributes[96] = "";
  int64_t n = 0;
  SB_TRY(read_png(r, name, &data, &n));
  if (!data || *total + n > TOTAL_MOST) {
    sb_text_add(&r->page, "<p class=\"dim\">Not shown, too large or no picture: <code>");
    sb_text_xml(&r->page, name);
    sb_text_add(&r->page, "</code></p>\n");
    sb_mem_free(data);
    return SB_OK;
  }
  *total += n;
  if (word_at(data + 16) > 0 && word_at(data + 20) > 0)
    snprintf(attributes, sizeof attributes, "width=\"%d\" height=\"%d\"", word_at(data + 16),
             word_at(data + 20));
  plot_figure(r);
  image_begin(r);
  sb_text_xml(&r->page, name);
  const sb_status s = image_end(r, attributes, data, n);
  plot_figure_end(r, name);
  sb_mem_free(data);
  return s;
}

sb_status report_pictures(report *r) {
  char(*names)[256];
  int n = 0;
  int64_t total = 0;
  SB_TRY(sb_mem_new(&names, NAMES_MOST, sizeof *names, "names of pictures"));
  sb_status s = list(r, "", names, &n);
  if (!s) s = list(r, "paraview", names, &n);
  if (!s && n) {
    report_section(r, "pictures", "Pictures of other tools");
    sb_text_add(&r->page, "<details><summary>%d PNG file%s that stood in the folder</summary>\n", n,
                n == 1 ? "" : "s");
    for (int i = 0; !s && i < n; i++) s = show_png(r, names[i], &total);
    sb_text_add(&r->page, "</details>\n");
    report_section_end(r);
  }
  sb_mem_free(names);
  return s;
}
