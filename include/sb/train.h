/* layer: nn */
/** The one training loop: data-parallel Adam with gradients summed exactly, so that any number of ranks takes the
 *  same steps.
 *
 * A step: the batch is cut into blocks of 64 or 128 rows (block_rows: part of the result); each rank computes the
 * gradient of its blocks (float), turns it into integer multiples of 2^-36 and adds; MPI_Allreduce adds the integers
 * of the ranks; every rank takes the same Adam step. The loss is divided by the global batch before, so the sum is the
 * gradient of the mean. */
#ifndef SB_TRAIN_H
#define SB_TRAIN_H
#include "sb/adam.h"
#include "sb/comm.h"
#include "sb/exchange.h"
#include "sb/keys.h"
#include "sb/net.h"

/** Section `train` and its children, one per network. */
typedef struct sb_train_options {
  int64_t steps, batch;
  double rate, rate_end, beta1, beta2, epsilon, weight_decay, dropout, clip, average;
  int schedule, decoupled, keep, time_sampling, on_nan;
  int64_t warmup, report, restores, block_rows;
} sb_train_options;
extern const sb_key sb_train_keys[];
typedef enum sb_keep { SB_KEEP_LAST, SB_KEEP_BEST } sb_keep;
typedef enum sb_on_nan { SB_NAN_STOP, SB_NAN_RESTORE } sb_on_nan;
typedef enum sb_time_sampling { SB_TIME_ANTITHETIC, SB_TIME_UNIFORM } sb_time_sampling;

/** Section `net` and its children. */
typedef struct sb_net_options {
  int64_t depth, width, time_features;
  sb_reals widths;
  int activation, residual;
} sb_net_options;
extern const sb_key sb_net_keys[];
/** The shape that a section asks for; time: the network has features of time. */
sb_status sb_net_options_shape(const sb_net_options *o, int in, int out, int time, sb_net_shape *shape);

/** One line of the history: everything here is the same on any number of ranks. */
typedef struct sb_history {
  double step, loss, validation, gradient_norm, rate; /**< loss: mean since the last line; validation NAN without
                                                           held-out rows */
} sb_history;
#define SB_HISTORY_COLUMNS 5

/** What depends on the clock, line by line beside the history: seconds since the program began, rows of batches
 *  per second, share
 *  of the time in communication. */
typedef struct sb_pace {
  double step, seconds, rows_per_second, exchange;
} sb_pace;
#define SB_PACE_COLUMNS 4

/** A network being trained, and how. The method fills the first part, sb_task_open the rest. One-element arrays
 *  are what a checkpoint
 *  holds beside the blocks. */
typedef struct sb_task sb_task;
struct sb_task {
  char name[16]; /**< "score" */
  sb_net net;
  const sb_train_options *options;
  uint64_t init_key, drop_key; /**< streams of initial parameters, of masks */
  int64_t held; /**< held-out rows */
  /** Of networks that are trained again and again (sb_method.turn): so many times, each time anew by an optimiser that
   *  takes options->steps steps; 0: once. Steps are counted through all rounds. */
  int64_t rounds;
  int64_t until;  /**< sb_train comes back when so many steps were taken; 0: all                    */
  char title[48]; /**< on the screen; "": name */
  int most_rows;  /**< of a block that `loss` takes: SB_NET_ROWS; 0: SB_BLOCK */
  void *self;
  /** Before step `step` (from 0) is taken. Collective. NULL: nothing to do. */
  sb_status (*ready)(void *self, sb_task *task, int64_t step);
  /** Rows row0 .. row0+rows-1 (a block) of the batch of a step: hands the gradient of the batch's mean to
   *  sb_task_backward, once or several times, and returns the rows' part of that mean. Local. */
  sb_status (*loss)(void *self, sb_task *task, int64_t step, int64_t row0, int rows, double *loss);
  /** The sum of the same loss over rows row0 .. (at most SB_BLOCK) of the held-out rows, noise fixed; NULL: no
   *  validation. Local. */
  sb_status (*validate)(void *self, sb_task *task, int64_t row0, int rows, double *loss);

  int rows; /**< of a block */
  float *p, *m, *v, *average; /**< [net.size] parameters, Adam moments, average; owned by exchange   */
  float *best;                /**< [net.size] average with the least validation loss, or NULL */
  double best_loss[1];
  int64_t step[1];   /**< steps taken                                                        */
  double running[1]; /**< sum of losses since the last line of the history                   */
  sb_history *history;
  sb_pace *pace;
  int64_t lines[1]; /**< of history and pace */
  int64_t restores[1]; /**< times that the run went back to a checkpoint; each halves the learning rate */
  sb_adam adam;
  sb_tape *tape;
  sb_exchange exchange;
  float *g;        /**< [net.size] gradient of the batch, this rank's slice                     */
  double *partial; /**< [chunks] sums of squares of the gradient                                 */
  const char *bad; /**< first tensor that went bad on this rank in this step, or NULL        */
  int poison;      /**< tests: the next gradient goes bad                                    */
};

/** Steps of all rounds. */
static inline int64_t sb_task_steps(const sb_task *task) {
  return task->options->steps * (task->rounds > 1 ? task->rounds : 1);
}
/** Room for lines of the history. */
int64_t sb_history_lines(const sb_train_options *o, int64_t rounds);
sb_status sb_task_open(const sb_comm *c, sb_task *task);
void sb_task_close(sb_task *task);
/** Bytes that sb_task_open allocates on the rank of a node that holds what is shared. */
int64_t sb_task_bytes(const sb_comm *c, const sb_net *net, const sb_train_options *o, int64_t rounds);
/** Collective, before a round: a fresh optimiser and average, and initial parameters of a stream; key 0: the parameters
 *  are those of the average. Doing it twice is doing it once. */
void sb_task_renew(const sb_comm *c, sb_task *task, uint64_t key);
/** Gradient of sum(dy * y) of the tape's last forward, added to the step's exact sum. For the loss function. */
void sb_task_backward(sb_task *task, const float *dy);
/** Collective. Initial parameters p [net.size], padding 0, the same on every rank. */
void sb_task_begin(const sb_comm *c, sb_task *task, const float *p);
/** A gradient g [net.size], padding 0, of what is no network, added to the step's exact sum. For the loss function. */
void sb_task_add(sb_task *task, const float *g);
/** The parameters to sample with: best, average or last as the options say. */
const float *sb_task_result(const sb_task *task);

/** What the run asks of a loop. */
typedef struct sb_train_control {
  int64_t save_every;                     /**< steps between checkpoints, 0: none      */
  sb_status (*save)(void *self);          /**< collective                              */
  int64_t *left;                          /**< steps until --stop-after, < 0: no limit */
  void *self;
} sb_train_control;

/** Who may end a loop from outside. */
typedef struct sb_train_hold {
  void *self;
  /** Does this rank want to stop? Local, asked in every step; the answer rides on the gradient's sum. */
  int (*asked)(void *self);
  /** Collective, after a step in which some rank wanted to: SB_EARLY to stop here, SB_OK to go on. left: seconds that
   *  this network still needs, by this rank's clock. */
  sb_status (*stop)(void *self, double left);
} sb_train_hold;

/** Collective. Takes the steps that are left (to task->until); SB_EARLY, with the message "after step K of network
 *  NAME", when the control ends it first (a checkpoint is the caller's matter). A gradient or loss that is not finite:
 *  SB_BAD with rank, step and tensor; parameters and step are those before. */
sb_status sb_train(const sb_comm *c, sb_task *task, const sb_train_control *control);
/** The same, with a hold (NULL: none). */
sb_status sb_train_on(const sb_comm *c, sb_task *task, const sb_train_control *control, const sb_train_hold *hold);

#endif
