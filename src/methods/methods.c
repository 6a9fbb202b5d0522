/* The table of methods, from methods.list. */
#include <string.h>

#include "sb/method.h"

#define SB_METHOD(name) extern const sb_method sb_method_##name;
#include "methods.list"
#undef SB_METHOD

#define SB_METHOD(name) &sb_method_##name,
static const sb_method *const methods[] = {
#include "methods.list"
    NULL};
#undef SB_METHOD

const sb_method *sb_method_at(int index) {
  return index < (int)(sizeof methods / sizeof *methods) ? methods[index] : NULL;
}

const sb_method *sb_method_find(const char *name) {
  for (int i = 0; methods[i]; i++)
    if (!strcmp(methods[i]->name, name)) return methods[i];
  return NULL;
}
