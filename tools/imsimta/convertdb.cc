// imsimta convertdb: a database that another product's crdb made with Berkeley DB becomes one of ours.
#include <db_cxx.h>
#include <fmt/format.h>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "mta/config/databases.h"
#include "mta/config/rule_set.h"
#include "tools/imsimta/command.h"

namespace waxwing::imsimta {

namespace {

using namespace mta;

// Some products count the NUL at the end of a C string to its bytes.
std::string text_of(const Dbt& item) {
  std::string_view bytes(static_cast<const char*>(item.get_data()), item.get_size());
  while (bytes.ends_with('\0')) bytes.remove_suffix(1);
  return std::string(bytes);
}

std::unexpected<Error> refused(const std::string& path, int problem) {
  return permanent(fmt::format("{}: {}; convertdb reads databases of Berkeley DB, crdb reads texts", path,
                               DbEnv::strerror(problem)));
}

Result<DatabaseEntries> read_old(const std::string& path) {
  Db database(nullptr, DB_CXX_NO_EXCEPTIONS);
  database.set_errcall([](const DbEnv*, const char*, const char*) {});  // told below, once
  int problem = database.open(nullptr, path.c_str(), nullptr, DB_UNKNOWN, DB_RDONLY, 0);
  if (problem != 0) return refused(path, problem);
  Dbc* cursor = nullptr;
  problem = database.cursor(nullptr, &cursor, 0);
  DatabaseEntries entries;
  Dbt key, value;
  while (problem == 0 && (problem = cursor->get(&key, &value, DB_NEXT)) == 0)
    entries.emplace_back(text_of(key), text_of(value));
  if (cursor != nullptr) cursor->close();
  database.close(0);
  if (problem != DB_NOTFOUND) return refused(path, problem);
  return entries;
}

}  // namespace

Result<int> run_convertdb(const Context& context, Arguments arguments) {
  const auto from = arguments.take_word(), to = arguments.take_word();
  TRY_VOID(arguments.finish("convertdb file database"));
  if (from.empty() || to.empty()) return permanent("usage: imsimta convertdb file database");
  const auto path = path_of_database(context, to);
  TRY(const auto entries, read_old(from));
  if (path == database_path(context.root, database_spec(DatabaseId::domain)))
    for (const auto& [key, value] : entries)
      if (const auto compiled = compile_rule_template(value); !compiled)
        return permanent("nothing made: " + printable(key, 60) + ": " + compiled.error().text);
  TRY(const auto image, encode_database(entries, static_cast<std::uint64_t>(wall_seconds())));
  TRY_VOID(publish_database(path, image));
  fmt::print("{} entries in {}\n", entries.size(), path);
  return 0;
}

}  // namespace waxwing::imsimta
