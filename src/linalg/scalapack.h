/* Private to src/linalg: what is used of BLACS, PBLAS and ScaLAPACK, which have no headers, and the
 * grid. Lengths of Fortran's strings come last. */
#ifndef SB_LINALG_SCALAPACK_H
#define SB_LINALG_SCALAPACK_H
#include <stddef.h>

#include "sb/dist.h"

/* ScaLAPACK is column-major: it sees the transposes of our matrices. So our rows are spread over
 * the q process columns, our columns over the p process rows. Process (i, j) is rank i q + j. */
struct sb_process_grid {
  const sb_comm *comm;
  int system, context; /* of BLACS; context -1: this rank is not in the grid */
  int p, q;
  int i, j; /* this rank's place, -1 outside */
};

int sys2blacs_handle_(const int *communicator);
void free_blacs_system_handle_(const int *handle);
void blacs_gridinit_(int *context, const char *order, const int *p, const int *q);
void blacs_gridexit_(const int *context);

void pdgemm_(const char *ta, const char *tb, const int *m, const int *n, const int *k,
             const double *alpha, const double *a, const int *ia, const int *ja, const int *desca,
             const double *b, const int *ib, const int *jb, const int *descb, const double *beta,
             double *c, const int *ic, const int *jc, const int *descc);
void pdsyrk_(const char *uplo, const char *trans, const int *n, const int *k, const double *alpha,
             const double *a, const int *ia, const int *ja, const int *desca, const double *beta,
             double *c, const int *ic, const int *jc, const int *descc);
void pdtran_(const int *m, const int *n, const double *alpha, const double *a, const int *ia,
             const int *ja, const int *desca, const double *beta, double *c, const int *ic,
             const int *jc, const int *descc);
void pdgemv_(const char *trans, const int *m, const int *n, const double *alpha, const double *a,
             const int *ia, const int *ja, const int *desca, const double *x, const int *ix,
             const int *jx, const int *descx, const int *incx, const double *beta, double *y,
             const int *iy, const int *jy, const int *descy, const int *incy);
void pdsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *ia,
              const int *ja, const int *desca, double *w, double *z, const int *iz, const int *jz,
              const int *descz, double *work, const int *lwork, int *iwork, const int *liwork,
              int *info, size_t, size_t);
void pdsytrd_(const char *uplo, const int *n, double *a, const int *ia, const int *ja,
              const int *desca, double *d, double *e, double *tau, double *work, const int *lwork,
              int *info, size_t);
void pdormtr_(const char *side, const char *uplo, const char *trans, const int *m, const int *n,
              const double *a, const int *ia, const int *ja, const int *desca, const double *tau,
              double *c, const int *ic, const int *jc, const int *descc, double *work,
              const int *lwork, int *info, size_t, size_t, size_t);

#endif
