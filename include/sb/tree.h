/* layer: io */
/** A JSON or YAML text as a tree to look things up in: report.json, used decks. Read by libyaml, of whose
 *  language JSON is a part. Local. */
#ifndef SB_TREE_H
#define SB_TREE_H
#include <stdint.h>

#include "sb/status.h"

/** A place in the tree; 0: none. What is asked of no place is no place, so that questions can be strung together. */
typedef int sb_node;
typedef struct sb_tree sb_tree;

/** One document of at most 64 MiB. Not such a text: SB_USE with `name`, the line and what is wrong. */
sb_status sb_tree_read(const char *text, int64_t length, const char *name, sb_tree **out);
void sb_tree_free(sb_tree *t);

/** The value of the whole; 0 where the text is empty. */
sb_node sb_tree_root(const sb_tree *t);
/** Value of a key of a mapping; the keys of nested mappings may be joined by dots ("data.law"). */
sb_node sb_tree_get(const sb_tree *t, sb_node at, const char *key);
/** Element i of a list, 0 behind the last. */
sb_node sb_tree_item(const sb_tree *t, sb_node at, int i);
/** Elements of a list; -1: it is none. */
int sb_tree_count(const sb_tree *t, sb_node at);
/** A scalar as a text, borrowed from the tree; `otherwise` where there is none. */
const char *sb_tree_text(const sb_tree *t, sb_node at, const char *otherwise);
/** A scalar as a number; NAN where it is none (null). */
double sb_tree_number(const sb_tree *t, sb_node at);

#endif
