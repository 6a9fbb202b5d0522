/* layer: law */
/* The table of laws: one line each in SB_LAWS, from which the words of data.law and the table are
 * made. */
#ifndef SB_LAW_KINDS_H
#define SB_LAW_KINDS_H
#include "sb/law.h"

#define SB_LAWS(law)                                                                              \
  law(ring) law(ring6) law(gmm8) law(mixture_b) law(grid) law(gaussian) law(prior) law(mixture)   \
      law(chain) law(ar1) law(two_modes) law(gaussians8_cfm) law(gaussians8_dsb) law(mixture_dsb) \
          law(moons_cfm) law(moons_dsb) law(swiss_roll) law(s_curve) law(checkerboard)            \
              law(pinwheel) law(circles) law(bridge)

/* A mixture, a way to draw points of the plane, or where a known bridge ends. */
struct sb_law_kind {
  const char *name, *summary, *source;
  sb_status (*build)(const sb_law_options *o, sb_mixture **out); /* NULL: draw or end */
  int32_t (*draw)(uint64_t key, int64_t index,
                  double x[2]); /* returns the arm, moon or ring; NULL: build or end */
  sb_status (*end)(const sb_law_options *o, struct sb_bridge **out); /* NULL: build or draw */
};

#define SB_LAW_DECLARE(word) extern const struct sb_law_kind sb_law_##word;
SB_LAWS(SB_LAW_DECLARE)

/* Noise of draw i of a stream: its normals are step 0; its uniforms, one each, step 1 (which 0, 1)
 * and step 2 (which 0). */
enum { SB_LAW_NORMAL = 0, SB_LAW_UNIFORM = 1, SB_LAW_UNIFORM_2 = 2 };

#endif
