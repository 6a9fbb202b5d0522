/* Working memory of a network on one tile of rows: private to src/nn; see sb/net.h.
 *
 * Tiles have SB_BLOCK rows (SB_NET_ROWS with backward) of a width padded. The padding is zero, or
 * bad numbers where the row has bad numbers; no product reads it into a column that counts, but for
 * zero weights. Rows beyond the given ones are not touched: that a row does not depend on the
 * number of rows is the promise of the kernels. */
#ifndef SB_NN_TAPE_H
#define SB_NN_TAPE_H
#include "panel.h"
#include "sb/net.h"

typedef struct layer {
  int in, out;          /* rows and columns of the weight                                       */
  int ld;               /* out, padded                                                          */
  int tile;             /* distance of rows in tiles of its output: ld, or more                 */
  int skip;             /* its input is added to its output                                     */
  int64_t weight, bias; /* in the parameters                                           */
  int input_tile;       /* the same of its input                                                */
  float *input;         /* tile: what the layer before put out                                  */
  float *slope;         /* tile of f'(z): hidden layers, for backward                           */
  float *packed;        /* W in panels: forward alone; NULL: parameters in place               */
  float *turned;        /* W^T in panels [out, turned_ld]; of layer 0 without the features    */
  int turned_ld;
} layer;

struct sb_tape {
  int in, out, depth, time, backward;
  sb_act act;
  const float *p;   /* of the last load                                               */
  int rows;         /* of the last forward                                            */
  int timed;        /* the last forward had a time for each row                       */
  int bias_ready;   /* first_bias belongs to p and to features                        */
  int turned_ready; /* W^T of the first layer belongs to p                            */
  struct {
    uint32_t below; /* 16-bit words below this drop a value; 0: nothing is dropped */
    uint32_t call;  /* forwards since they were asked to drop                      */
    uint64_t key;
    int64_t row, step;
  } drop;
  float *features;   /* [time] of the one time of all rows                             */
  float *first_bias; /* b_0 + features W_0                                             */
  float *output;     /* [rows, out padded]                                             */
  float *delta[2];   /* tiles as wide as any other: gradients on their way down        */
  float *part; /* [SB_BLOCK, widest], SB_PART or more: some rows of the gradient of a weight */
  float *rows_of_last; /* W^T [out, last input tile], rows, padding zero: where a narrow layer comes
                          last; or NULL */
  float *narrow;       /* [SB_NARROW, widest]: the same transposed, of a narrow layer            */
  float *bias;         /* [widest]: gradient of a bias                                           */
  layer layers[SB_NET_MAX_DEPTH + 1];
};

enum {
  SB_NARROW = 8,  /* outputs of a narrow layer, at most                    */
  SB_PART = 16384 /* floats of a gradient that fit into the nearest caches */
};

/* Distance of rows in tiles of so many columns (padded). Sums over rows of a tile go down its
 * columns: rows a multiple of 1 KiB apart would share too few sets of the nearest cache. */
static inline int sb_tile(int padded) { return padded % 256 ? padded : padded + SB_LANES; }

/* Copies rows x cols. */
void sb_tape_copy(int rows, int cols, const float *from, ptrdiff_t from_ld, float *to,
                  ptrdiff_t to_ld);
/* Builds W^T of a layer. */
void sb_tape_turn(const sb_tape *tape, const layer *l);

#endif
