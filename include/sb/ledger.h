/* layer: io */
/** A table in an HDF5 file whose rows are filled one by one, in any order, by any rank alone, and by several runs
 * after each other.
 *
 * All datasets are made at their full size, zeroed, before the first row is written; then only their elements change,
 * so the file can be opened at any time by any reader of HDF5, and a run that is killed leaves it whole. The dataset
 * /check holds a checksum of each row, written last: a row without its checksum is not there. */
#ifndef SB_LEDGER_H
#define SB_LEDGER_H
#include "sb/comm.h"
#include "sb/file.h"

typedef enum sb_cell { SB_CELL_INT, SB_CELL_REAL, SB_CELL_TEXT } sb_cell;

/** A column: dataset [rows] or, width > 1, [rows, width]. Paths below /timing and /about (which may depend on
 *  the run) are left out of the checksum. */
typedef struct sb_ledger_column {
  const char *path, *unit, *meaning;
  sb_cell cell;
  int64_t width; /**< cells of a row                                                 */
  int letters;   /**< of a text; shorter ones end in zeros                  */
} sb_ledger_column;

typedef struct sb_ledger sb_ledger;

/** Collective. A new file; `title` is an attribute of it, by which a reader knows its own. Columns are borrowed until
 *  the ledger is closed. */
sb_status sb_ledger_create(const sb_comm *c, const char *path, const char *title, int64_t rows,
                           const sb_ledger_column *columns, int n, sb_ledger **out);
/** Collective. A file that is there, to read or (write) to go on. Other columns or another number of rows: SB_USE. */
sb_status sb_ledger_open(const sb_comm *c, const char *path, int write, int64_t rows,
                         const sb_ledger_column *columns, int n, sb_ledger **out);
/** Collective. The title of a ledger; SB_USE where the file is none. */
sb_status sb_ledger_title(const sb_comm *c, const char *path, char *out, int size);
/** One rank alone. cells: for each column width int64_t, doubles, or texts of `letters` bytes each. Comes back when it
 *  is on the disk. */
sb_status sb_ledger_put(sb_ledger *l, int64_t row, const void *const *cells);
/** One rank alone. *there = 0 where the row was not written whole. */
sb_status sb_ledger_get(sb_ledger *l, int64_t row, void *const *cells, int *there);
/** Local; accepts NULL. */
void sb_ledger_close(sb_ledger *l);

#endif
