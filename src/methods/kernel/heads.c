/* Heads: who sees and who moves which coordinates. */
#include "engine.h"
#include "sb/mem.h"

sb_status engine_head_new(head *h, int seen, int moved) {
  h->seen = seen, h->moved = moved;
  SB_TRY(SB_NEW(&h->see, seen, "coordinates of a head"));
  SB_TRY(SB_NEW(&h->move, moved, "coordinates of a head"));
  return SB_NEW(&h->scale, seen, "scales of a head");
}

sb_status engine_global_head(engine *e) {
  SB_TRY(SB_NEW(&e->head, 1, "heads"));
  e->heads = 1;
  SB_TRY(engine_head_new(e->head, e->d, e->d));
  for (int i = 0; i < e->d; i++) e->head->see[i] = e->head->move[i] = i;
  return SB_OK;
}

void engine_heads_free(engine *e) {
  for (int i = 0; e->head && i < e->heads; i++) {
    sb_mem_free(e->head[i].see);
    sb_mem_free(e->head[i].move);
    sb_mem_free(e->head[i].scale);
    sb_mem_free(e->head[i].rho);
  }
  sb_mem_free(e->head);
}
