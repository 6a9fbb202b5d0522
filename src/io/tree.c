/* JSON and YAML as a tree: libyaml's document, with questions. */
#include "sb/tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "sb/mem.h"

#define BYTES_MOST (INT64_C(64) << 20)

struct sb_tree {
  yaml_document_t document;
};

static sb_status wrong(const yaml_parser_t *y, const char *name) {
  if (y->error == YAML_MEMORY_ERROR) return sb_fail(SB_SYS, "%s: no memory to read it", name);
  return sb_fail(SB_USE, "%s:%d: is damaged: %s", name, (int)y->problem_mark.line + 1,
                 y->problem ? y->problem : "cannot be read");
}

sb_status sb_tree_read(const char *text, int64_t length, const char *name, sb_tree **out) {
  yaml_parser_t yaml;
  sb_tree *t;
  *out = NULL;
  if (length > BYTES_MOST)
    return sb_fail(SB_USE, "%s: %lld bytes are too long", name, (long long)length);
  if (memchr(text, 0, (size_t)length))
    return sb_fail(SB_USE, "%s: is damaged: it contains a zero byte", name);
  SB_TRY(SB_NEW(&t, 1, name));
  if (!yaml_parser_initialize(&yaml)) {
    sb_mem_free(t);
    return sb_fail(SB_SYS, "%s: no memory to read it", name);
  }
  yaml_parser_set_input_string(&yaml, (const unsigned char *)text, (size_t)length);
  const sb_status s = yaml_parser_load(&yaml, &t->document) ? SB_OK : wrong(&yaml, name);
  yaml_parser_delete(&yaml);
  if (s)
    sb_mem_free(t);
  else
    *out = t;
  return s;
}

void sb_tree_free(sb_tree *t) {
  if (!t) return;
  yaml_document_delete(&t->document);
  sb_mem_free(t);
}

/* libyaml looks nodes up without changing the document, but does not say so. */
static const yaml_node_t *node_of(const sb_tree *t, sb_node at) {
  return t && at > 0 && at <= t->document.nodes.top - t->document.nodes.start
             ? t->document.nodes.start + at - 1
             : NULL;
}

sb_node sb_tree_root(const sb_tree *t) { return node_of(t, 1) ? 1 : 0; }

/* Value of a key of `length` letters. */
static sb_node value_of(const sb_tree *t, sb_node at, const char *key, size_t length) {
  const yaml_node_t *n = node_of(t, at);
  if (!n || n->type != YAML_MAPPING_NODE) return 0;
  for (const yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top;
       p++) {
    const yaml_node_t *k = node_of(t, p->key);
    if (k && k->type == YAML_SCALAR_NODE && k->data.scalar.length == length &&
        !memcmp(k->data.scalar.value, key, length))
      return p->value;
  }
  return 0;
}

sb_node sb_tree_get(const sb_tree *t, sb_node at, const char *key) {
  const char *dot = strchr(key, '.');
  const sb_node whole = value_of(t, at, key, strlen(key));
  if (whole || !dot) return whole;
  return sb_tree_get(t, value_of(t, at, key, (size_t)(dot - key)), dot + 1);
}

sb_node sb_tree_item(const sb_tree *t, sb_node at, int i) {
  return i >= 0 && i < sb_tree_count(t, at) ? node_of(t, at)->data.sequence.items.start[i] : 0;
}

int sb_tree_count(const sb_tree *t, sb_node at) {
  const yaml_node_t *n = node_of(t, at);
  if (!n || n->type != YAML_SEQUENCE_NODE) return -1;
  return (int)(n->data.sequence.items.top - n->data.sequence.items.start);
}

const char *sb_tree_text(const sb_tree *t, sb_node at, const char *otherwise) {
  const yaml_node_t *n = node_of(t, at);
  if (!n || n->type != YAML_SCALAR_NODE) return otherwise;
  return (const char *)n->data.scalar.value;
}

double sb_tree_number(const sb_tree *t, sb_node at) {
  const char *text = sb_tree_text(t, at, "");
  char *end;
  const double x = strtod(text, &end);
  return end == text || *end || !isfinite(x) ? NAN : x;
}
