/* Working memory of a network on one tile of rows: private to src/nn; see sb/net.h.
 *
 * Tiles are [SB_BLOCK, width padded]. Their padding is zero, or bad numbers where the row has bad
 * numbers; no product reads it into a column that counts. Rows beyond the given ones are not
 * touched: that a row does not depend on the number of rows is the promise of the kernels. */
#ifndef SB_NN_TAPE_H
#define SB_NN_TAPE_H
#include "panel.h"
#include "sb/net.h"

typedef struct layer {
  int in, out;          /* rows and columns of the weight                                       */
  int ld;               /* out, padded: columns of the tiles of its output                      */
  int skip;             /* its input is added to its output                                     */
  int64_t weight, bias; /* in the parameters                                           */
  int input_ld;
  float *input;  /* tile [., input_ld]: what the layer before put out                  */
  float *slope;  /* tile [., ld] of f'(z): hidden layers, for backward                 */
  float *packed; /* W in panels: forward alone; NULL: parameters in place               */
  float *turned; /* W^T in panels [out, turned_ld]; of layer 0 without the features    */
  int turned_ld;
} layer;

struct sb_tape {
  int in, out, depth, time, backward;
  sb_act act;
  const float *p;    /* of the last load                                               */
  int rows;          /* of the last forward                                            */
  int timed;         /* the last forward had a time for each row                       */
  int bias_ready;    /* first_bias belongs to p and to features                        */
  int turned_ready;  /* W^T of the first layer belongs to p                            */
  float *features;   /* [time] of the one time of all rows                             */
  float *first_bias; /* b_0 + features W_0                                             */
  float *output;     /* tile [., out padded]                                           */
  float *delta[2];   /* tiles as wide as any other: gradients on their way down        */
  float *part;       /* [SB_BLOCK, widest]: some rows of the gradient of a weight      */
  float *narrow;     /* [SB_NARROW, widest]: the same transposed, of a narrow layer    */
  float *bias;       /* [widest]: gradient of a bias                                   */
  layer layers[SB_NET_MAX_DEPTH + 1];
};

enum { SB_NARROW = 8 }; /* outputs of a narrow layer, at most */

/* Copies rows x cols. */
void sb_tape_copy(int rows, int cols, const float *from, ptrdiff_t from_ld, float *to,
                  ptrdiff_t to_ld);
/* Builds W^T of a layer. */
void sb_tape_turn(const sb_tape *tape, const layer *l);

#endif
