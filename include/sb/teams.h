/* layer: comm */
/** Teams of ranks that take tasks from a common queue: one slow task delays nobody. */
#ifndef SB_TEAMS_H
#define SB_TEAMS_H
#include "sb/comm.h"

/** Collective. Cuts the ranks of c, in order, into teams as even as can be, 1 <= teams <= c->size; *out is the
 *  communicator of this rank's team. */
sb_status sb_team_open(const sb_comm *c, int teams, int *team, sb_comm **out);
/** Collective over the team; accepts NULL. */
void sb_team_close(sb_comm *team);

/** Tasks 0 .. tasks-1, each taken once. */
typedef struct sb_queue sb_queue;
/** Collective. */
sb_status sb_queue_open(const sb_comm *c, int64_t tasks, sb_queue **out);
/** One rank alone: the next task, -1 when none is left. */
sb_status sb_queue_next(sb_queue *q, int64_t *task);
/** One rank alone: nobody gets a task from now on. */
sb_status sb_queue_end(sb_queue *q);
/** Any rank: lets others' calls through. A rank that computes for long without messages calls it now and then. */
void sb_queue_tend(sb_queue *q);
/** Collective; accepts NULL. */
void sb_queue_close(sb_queue *q);

/** Collective: the wait of all for all, however long: it leaves the core to others, and the watchdog quiet. */
sb_status sb_wait_idle(const sb_comm *c);

#endif
