/* Which bridges between two data sets are known in closed form. */
#include <math.h>

#include "sb/data.h"

/* Both maps are the same. */
static int is_identity(const sb_affine *a) {
  if (a->axes) return 0;
  for (int i = 0; i < a->d; i++)
    if (a->shift[i] != 0 || a->scale[i] != 1 || a->stretch[i] != 1) return 0;
  return 1;
}

static int is_standard(const sb_mixture *m) {
  if (m->k != 1) return 0;
  for (int64_t i = 0; i < (int64_t)m->d * m->d; i++)
    if (m->cov[i] != (i % (m->d + 1) == 0)) return 0;
  for (int i = 0; i < m->d; i++)
    if (m->mu[i] != 0) return 0;
  return 1;
}

sb_status sb_data_bridge(const sb_data *source, const sb_data *data, double variance,
                         sb_bridge **out) {
  const sb_mixture *p0 = source->mixture, *p1 = data->mixture;
  *out = NULL;
  if (p0 && p1 && p0->k == 1 && p1->k == 1) return sb_bridge_gauss(p0, p1, variance, out);
  if (!p0 || !data->law || !data->law->bridge || !is_identity(&data->map) || !is_standard(p0))
    return SB_OK;
  if (fabs(data->law->options.bridge_variance - variance) > 1e-12 * variance) return SB_OK;
  return sb_bridge_like(data->law->bridge, out);
}
