/* HDF5 files: handles, their life from .part to commit, and how a reader opens them. See h5.h for
 * who does what. */
#include <errno.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "h5.h"
#include "sb/mem.h"

#define ALIGN_FROM 4194304 /* datasets from this size on begin at a multiple of ALIGN */
#define ALIGN      1048576

/* The library never prints, never asks for locks, which some parallel file systems refuse (a file
 * has its name only when it is whole), and never ends itself: at the end of MPI it would close once
 * more what it could not close before, and crash. It registers for the end of MPI unless it starts
 * before MPI does, so it starts before main. */
__attribute__((constructor)) static void settle(void) {
  setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);
  H5dont_atexit();
  H5open();
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static herr_t keep_deepest(unsigned n, const H5E_error2_t *error, void *text) {
  const char *from = error->desc ? strstr(error->desc, "error message = '") : NULL;
  if (n == 0 && from) { /* the system's words */
    from += strlen("error message = '");
    snprintf(text, 256, "%.*s", (int)strcspn(from, "'"), from);
  } else if (n == 0 && error->desc)
    snprintf(text, 256, "%s", error->desc);
  return 0;
}

const char *sb_h5_why(void) {
  static char text[256];
  snprintf(text, sizeof text, "no reason given");
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_deepest, text);
  return text;
}

/* --- Handles
 * ------------------------------------------------------------------------------------------ */

/* Access properties: the same format, alignment and closing for both handles. */
static hid_t access_list(const sb_file *f, int parallel) {
  const hid_t list = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_libver_bounds(list, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18);
  H5Pset_fclose_degree(list, H5F_CLOSE_STRONG);
  H5Pset_alignment(list, ALIGN_FROM, ALIGN);
  if (parallel) {
    H5Pset_fapl_mpio(list, MPI_Comm_f2c(sb_comm_handle(f->comm)), MPI_INFO_NULL);
    /* Own files are read in step. Others may be chunked, where independent reads would then wait
     * for each other. */
    H5Pset_all_coll_metadata_ops(list, f->part != NULL);
  }
  return list;
}

static const char *place(const sb_file *f) { return f->part ? f->part : f->path; }

static sb_status open_handle(sb_file *f, int parallel, hid_t *out) {
  const hid_t list = access_list(f, parallel);
  *out = H5Fopen(place(f), f->part ? H5F_ACC_RDWR : H5F_ACC_RDONLY, list);
  sb_status s = *out < 0 ? sb_fail(SB_SYS, "%s: cannot open: %s", f->path, sb_h5_why()) : SB_OK;
  H5Pclose(list);
  return s;
}

static sb_status close_handle(sb_file *f, hid_t *handle) {
  const hid_t h = *handle;
  *handle = -1;
  if (h >= 0 && H5Fclose(h) < 0)
    return sb_fail(SB_SYS, "%s: cannot close: %s", f->path, sb_h5_why());
  return SB_OK;
}

sb_status sb_h5_meta(sb_file *f) {
  return f->comm->rank == 0 && f->meta < 0 ? open_handle(f, 0, &f->meta) : SB_OK;
}

/* Reserves the room that all datasets need, so that a full disk is found by one rank and before the
 * transfers. */
static sb_status reserve(sb_file *f) {
  hsize_t bytes = 0;
  if (f->meta < 0) return SB_OK;
  if (H5Fget_filesize(f->meta, &bytes) < 0)
    return sb_fail(SB_SYS, "%s: of unknown size: %s", f->path, sb_h5_why());
  return sb_reserve_local(f->part, f->path, (int64_t)bytes);
}

sb_status sb_h5_data(sb_file *f) {
  if (f->data >= 0) return SB_OK;
  sb_status s = sb_agree(f->comm, open_handle(f, 1, &f->data));
  /* Where only some ranks could open it, to close it would wait for the others: the handle is left.
   */
  if (s) f->data = -1;
  return s;
}

/* Closes what is open and removes the part. Collective. */
static void give_up(sb_file *f) {
  close_handle(f, &f->data);
  close_handle(f, &f->meta);
  if (f->part && f->comm->rank == 0) unlink(f->part);
}

sb_status sb_h5_agree(sb_file *f, sb_status mine) {
  sb_status s = sb_agree(f->comm, mine);
  if (s && f->part && !f->broken) {
    f->broken = s;
    give_up(f);
  }
  return s;
}

sb_status sb_h5_alone(sb_file *f, sb_status (*work)(sb_file *f, void *context), void *context) {
  if (f->broken) return f->broken;
  sb_status s = sb_h5_meta(f);
  if (!s && f->comm->rank == 0) s = work(f, context);
  return sb_h5_agree(f, s);
}

/* --- Numbers
 * ------------------------------------------------------------------------------------------- */

#define SLICE_BYTES \
  (INT64_C(1) << 30) /* of one rank in one transfer: MPI-IO counts bytes in an int */

/* Pieces of one transfer as MPI wants them. */
typedef struct scatter {
  int n, *bytes;
  MPI_Aint *at, *data;
} scatter;

static sb_status scatter_new(int n, scatter *out) {
  *out = (scatter){.n = 0};
  SB_TRY(SB_NEW(&out->bytes, n, "pieces of a file"));
  SB_TRY(SB_NEW(&out->at, n, "pieces of a file"));
  return SB_NEW(&out->data, n, "pieces of a file");
}

static void scatter_free(scatter *s) {
  sb_mem_free(s->data);
  sb_mem_free(s->at);
  sb_mem_free(s->bytes);
}

/* Takes at most SLICE_BYTES from pieces *next, of which *done bytes were taken before. */
static void scatter_take(const sb_h5_piece *pieces, int n, int *next, int64_t *done, scatter *out) {
  int64_t left = SLICE_BYTES;
  for (out->n = 0; *next < n && left > 0; out->n++) {
    const sb_h5_piece *p = &pieces[*next];
    const int64_t rest = p->bytes - *done, some = rest < left ? rest : left;
    out->bytes[out->n] = (int)some;
    out->at[out->n] = (MPI_Aint)(p->at + *done);
    MPI_Get_address((const char *)p->data + *done, &out->data[out->n]);
    *done += some, left -= some;
    if (*done == p->bytes) ++*next, *done = 0;
  }
}

static sb_status said_by_mpi(const sb_file *f, const char *what, int code) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length;
  if (code == MPI_SUCCESS) return SB_OK;
  MPI_Error_string(code, text, &length);
  return sb_fail(SB_SYS, "%s: cannot %s: %s", f->path, what, text);
}

/* Collective. One transfer. */
static int write_scatter(MPI_File file, const scatter *s) {
  MPI_Datatype there, here;
  MPI_Type_create_hindexed(s->n, s->bytes, s->at, MPI_BYTE, &there);
  MPI_Type_create_hindexed(s->n, s->bytes, s->data, MPI_BYTE, &here);
  MPI_Type_commit(&there);
  MPI_Type_commit(&here);
  const int view = MPI_File_set_view(file, 0, MPI_BYTE, there, "native", MPI_INFO_NULL);
  const int code = MPI_File_write_all(file, MPI_BOTTOM, s->n > 0, here, MPI_STATUS_IGNORE);
  MPI_Type_free(&here);
  MPI_Type_free(&there);
  return view != MPI_SUCCESS ? view : code;
}

static sb_status write_pieces(sb_file *f, const sb_h5_piece *pieces, int n, scatter *some) {
  MPI_File file;
  int64_t bytes = 0, done = 0;
  int next = 0, code = MPI_SUCCESS;
  for (int i = 0; i < n; i++) bytes += pieces[i].bytes;
  SB_TRY(sb_max_int(f->comm, &bytes, 1));
  SB_TRY(sb_agree(f->comm, said_by_mpi(f, "open",
                                       MPI_File_open(MPI_Comm_f2c(sb_comm_handle(f->comm)), f->part,
                                                     MPI_MODE_RDWR, MPI_INFO_NULL, &file))));
  for (; bytes > 0; bytes -= SLICE_BYTES) {
    scatter_take(pieces, n, &next, &done, some);
    const int now = write_scatter(file, some);
    if (code == MPI_SUCCESS) code = now;
  }
  const int closed = MPI_File_close(&file);
  return said_by_mpi(f, "write", code != MPI_SUCCESS ? code : closed);
}

sb_status sb_h5_write(sb_file *f, const sb_h5_piece *pieces, int n) {
  scatter some = {.n = 0};
  sb_status s = SB_OK;
  if (f->broken) return f->broken;
  if (f->comm->rank == 0) {
    s = reserve(f);
    if (!s) s = close_handle(f, &f->meta);
  }
  if (!s) s = scatter_new(n + 1, &some);
  s = sb_h5_agree(f, s);
  if (!s) s = sb_h5_agree(f, write_pieces(f, pieces, n, &some));
  scatter_free(&some);
  return s;
}

/* --- Life
 * --------------------------------------------------------------------------------------------- */

static void release(sb_file *f) {
  if (!f) return;
  sb_mem_free(f->path);
  sb_mem_free(f->part);
  sb_mem_free(f);
}

static sb_status start(const sb_comm *c, const char *path, int writing, sb_file **out) {
  sb_file *f;
  *out = NULL;
  SB_TRY(SB_NEW(&f, 1, path));
  f->comm = c;
  f->meta = f->data = -1;
  *out = f;
  SB_TRY(sb_text_of(&f->path, "%s", path));
  return writing ? sb_text_of(&f->part, "%s.part", path) : SB_OK;
}

static sb_status create_local(sb_file *f, int overwrite) {
  if (!overwrite && sb_exists_local(f->path))
    return sb_fail(SB_USE, "%s: exists already; --overwrite replaces it", f->path);
  unlink(f->part); /* of a run that was killed */
  const hid_t list = access_list(f, 0), how = H5Pcreate(H5P_FILE_CREATE);
  H5Pset_obj_track_times(how, 0); /* of the root group */
  f->meta = H5Fcreate(f->part, H5F_ACC_TRUNC, how, list);
  sb_status s =
      f->meta < 0 ? sb_fail(SB_SYS, "%s: cannot create: %s", f->path, sb_h5_why()) : SB_OK;
  if (s) unlink(f->part);
  H5Pclose(how);
  H5Pclose(list);
  return s;
}

sb_status sb_file_create(const sb_comm *c, const char *path, int overwrite, sb_file **out) {
  sb_status s = start(c, path, 1, out);
  if (!s) s = sb_fault(c, "create");
  s = sb_agree(c, s);
  if (!s) s = sb_agree(c, c->rank == 0 ? create_local(*out, overwrite) : SB_OK);
  if (s) {
    release(*out);
    *out = NULL;
  }
  return s;
}

/* One rank of each node brings to the disk what its node wrote. */
static sb_status finish_local(sb_file *f) {
  SB_TRY(sb_fault(f->comm, "commit"));
  return f->comm->node_rank == 0 ? sb_sync_local(f->part) : SB_OK;
}

static sb_status close_all(sb_file *f) {
  sb_status data = close_handle(f, &f->data), meta = close_handle(f, &f->meta);
  sb_status fault = sb_fault(f->comm, "close");
  return data ? data : meta ? meta : fault;
}

sb_status sb_file_commit(sb_file *f, int keep) {
  sb_status s = f->broken;
  if (!s) s = sb_h5_agree(f, close_all(f));
  if (!s) s = sb_h5_agree(f, finish_local(f));
  if (!s) s = sb_h5_agree(f, f->comm->rank == 0 ? sb_replace_local(f->part, f->path, keep) : SB_OK);
  release(f);
  return s;
}

void sb_file_drop(sb_file *f) {
  if (f && !f->broken) give_up(f);
  release(f);
}

/* Rank 0 looks first, so that what is wrong is said in plain words. */
static sb_status look(sb_file *f) {
  struct stat what;
  SB_TRY(sb_file_local(f->path, &what));
  if (access(f->path, R_OK) != 0) return sb_fail(SB_SYS, "%s: %s", f->path, strerror(errno));
  if (H5Fis_hdf5(f->path) <= 0)
    return sb_fail(SB_USE,
                   "%s: is not an HDF5 file (%lld bytes); tools/to_hdf5.py makes one of CSV, NPY, "
                   "IDX and CIFAR-10",
                   f->path, (long long)what.st_size);
  const hid_t list = access_list(f, 0);
  f->meta = H5Fopen(f->path, H5F_ACC_RDONLY, list);
  sb_status s = SB_OK;
  if (f->meta < 0) s = sb_fail(SB_USE, "%s: is damaged: %s", f->path, sb_h5_why());
  H5Pclose(list);
  return s;
}

sb_status sb_file_open(const sb_comm *c, const char *path, sb_file **out) {
  sb_status s = sb_agree(c, start(c, path, 0, out));
  if (!s) s = sb_agree(c, c->rank == 0 ? look(*out) : SB_OK);
  if (s) {
    release(*out);
    *out = NULL;
  }
  return s;
}

void sb_file_close(sb_file *f) {
  if (f) give_up(f);
  release(f);
}
