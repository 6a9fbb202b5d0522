/* layer: methods */
/** What methods that bridge two data sets share: their reference, where draws begin, and the bridge where it is known
 *  in closed form. */
#ifndef SB_PAIR_H
#define SB_PAIR_H
#include "sb/method.h"

/** First member of such a method's state, which is `self` of its fields. */
typedef struct sb_pair {
  sb_run *run;
  double variance; /**< of the reference over its horizon, network coordinates         */
  int source;      /**< SB_SOURCE_EXACT: exact fields stand for the method's own       */
} sb_pair;
enum { SB_SOURCE_AUTO, SB_SOURCE_LEARNED, SB_SOURCE_EXACT };
/** Keys of sections `reference` and `field`, of an sb_pair. */
extern const sb_key sb_pair_reference[], sb_pair_field[];

/** Opens run->bridge where it is known. SB_USE when the deck asks for exact fields and it is not. Collective. */
sb_status sb_pair_open(sb_run *run, sb_pair *p);
void sb_pair_close(sb_run *run);
/** Does a view ask for exact fields? */
int sb_pair_is_exact(const sb_pair *p, sb_view view);

/** A leg in the run's direction, "bridge": start, steps, noise; the field is the caller's but for self, d and begin. */
void sb_pair_leg(sb_pair *p, int64_t steps, sb_leg *out);
/** The same with the exact drift. SB_USE when it is not known in this direction. */
sb_status sb_pair_closed(sb_pair *p, int64_t steps, sb_leg *out);

/** For sb_method: exact marginals and densities of a known bridge. */
sb_status sb_pair_marginal(sb_run *run, int leg, double t, uint64_t key, int64_t first, int64_t n, double *x);
sb_status sb_pair_density(sb_run *run, int leg, double t, int64_t n, const double *x, double *logp);

#endif
