#include "store/stored/db_directory.h"

#include <db.h>
#include <dirent.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace waxwing::store {

namespace {
void free_names(char** names, int count) {
  for (int n = 0; n < count; ++n) std::free(names[n]);
  std::free(names);
}

// 0 or ENOMEM.
int add_name(const char* name, char**& names, int& count) {
  auto* const larger =
      static_cast<char**>(std::realloc(names, (static_cast<std::size_t>(count) + 1) * sizeof *names));
  if (larger == nullptr) return ENOMEM;
  names = larger;
  names[count] = ::strdup(name);
  if (names[count] == nullptr) return ENOMEM;
  count += 1;
  return 0;
}

// 0, or what errno was.
int list(const char* path, char**& names, int& count) {
  struct Close {
    void operator()(DIR* folder) const { ::closedir(folder); }
  };
  const std::unique_ptr<DIR, Close> folder(::opendir(path));
  if (!folder) return errno;
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(folder.get());
    if (entry == nullptr) return errno;
    if (entry->d_type == DT_DIR) continue;
    if (const int error = add_name(entry->d_name, names, count); error != 0) return error;
  }
}

extern "C" int list_names(const char* path, char*** names, int* count) {
  *names = nullptr;
  *count = 0;
  const int error = list(path, *names, *count);
  if (error == 0) return 0;
  free_names(*names, *count);
  *names = nullptr;
  *count = 0;
  return error;
}
extern "C" void forget_names(char** names, int count) {
  free_names(names, count);
}
}  // namespace

void see_directories() {
  static const bool done = [] {
    ::db_env_set_func_dirlist(&list_names);
    ::db_env_set_func_dirfree(&forget_names);
    return true;
  }();
  (void)done;
}

}  // namespace waxwing::store
