/* Functions of the user, from shared objects. */
#include <dlfcn.h>
#include <string.h>

#include "engine.h"

sb_status engine_plug(const char *key, const char *path, const char *name, void **library,
                      void *function) {
  if (!path[0]) return sb_fail(SB_USE, "%s: which shared object?", key);
  *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!*library) return sb_fail(SB_USE, "%s: %s", key, dlerror());
  void *const symbol = dlsym(*library, name);
  if (!symbol) return sb_fail(SB_USE, "%s: %s has no function %s", key, path, name);
  memcpy(function, &symbol, sizeof symbol);
  return SB_OK;
}

void engine_unplug(void *library) {
  if (library) dlclose(library);
}
