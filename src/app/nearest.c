/* The training rows nearest to the first draws: do pictures copy what they learned from? */
#include <math.h>

#include "app.h"
#include "sb/mem.h"

/* This rank's best among its training rows for n draws y [n, d]: squared distances, rows. */
static void search(const sb_comm *c, const sb_data *data, int64_t n, const double *y, double *least,
                   int64_t *row) {
  const sb_share share = sb_share_of(c, data->n);
  for (int64_t i = 0; i < n; i++) least[i] = HUGE_VAL, row[i] = INT64_MAX;
  for (int64_t k = share.first; k < share.first + share.count; k++) {
    const float *x = sb_data_row(data, k);
    for (int64_t i = 0; i < n; i++) {
      double sum = 0;
      for (int j = 0; j < data->d; j++) {
        const double gap = y[i * data->d + j] - (double)x[j];
        sum += gap * gap;
      }
      if (sum < least[i]) least[i] = sum, row[i] = k;
    }
  }
}

/* Least distance over ranks; of rows that are equally near the first one. */
static sb_status choose(const sb_comm *c, int64_t n, const double *least, double *best,
                        int64_t *row) {
  for (int64_t i = 0; i < n; i++) best[i] = least[i];
  SB_TRY(sb_min_real(c, best, n));
  for (int64_t i = 0; i < n; i++) row[i] = least[i] == best[i] ? -row[i] : -INT64_MAX;
  SB_TRY(sb_max_int(c, row, n));
  for (int64_t i = 0; i < n; i++) row[i] = -row[i];
  return SB_OK;
}

sb_status app_nearest(app *a, const sb_particles *cloud, app_neighbours *out) {
  const sb_data *data = sb_run_end(&a->run);
  const int64_t n = cloud->n < SB_BLOCK ? cloud->n : SB_BLOCK; /* rank 0 has the first block */
  double *y = NULL, *least = NULL, *best = NULL, *near = NULL;
  int64_t *row = NULL;
  *out = (app_neighbours){.n = n, .share = sb_share_of(a->comm, n)};
  sb_status s = SB_NEW(&y, n * data->d, "first draws");
  if (!s) s = SB_NEW(&least, n, "nearest rows");
  if (!s) s = SB_NEW(&best, n, "nearest rows");
  if (!s) s = SB_NEW(&row, n, "nearest rows");
  if (!s) s = SB_NEW(&near, data->d, "nearest row");
  if (!s) s = SB_NEW(&out->x, out->share.count * data->raw, "nearest rows");
  s = sb_agree(a->comm, s);
  if (!s) s = sb_gather_rows(a->comm, n, data->d, sizeof *y, cloud->x, y);
  if (!s) search(a->comm, data, n, y, least, row);
  if (!s) s = choose(a->comm, n, least, best, row);
  for (int64_t i = 0; !s && i < out->share.count; i++) {
    const float *x = sb_data_row(data, row[out->share.first + i]);
    for (int j = 0; j < data->d; j++) near[j] = (double)x[j];
    sb_affine_back(&data->map, 1, near, out->x + i * data->raw);
  }
  void *const blocks[] = {near, row, best, least, y};
  for (int i = 0; i < 5; i++) sb_mem_free(blocks[i]);
  return s;
}

sb_status app_image_check(const app *a) {
  const sb_reals *image = &a->record.image;
  double numbers = 1;
  for (int i = 0; i < image->n; i++) numbers *= image->v[i];
  if (image->n == 0 || (image->n <= 3 && image->n > 1 && numbers == a->run.data->raw)) return SB_OK;
  return sb_fail(SB_USE,
                 "record.image: %d numbers whose product is %.0f, but a row has %d; rows, columns "
                 "and perhaps channels are needed",
                 image->n, numbers, a->run.data->raw);
}
