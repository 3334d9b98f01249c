// The five databases of the MTA: general, domain, alias, forward, reverse.
//
// Each is a file db/<name>.db of the instance, made by imsimta crdb and never changed after it is published:
// a new one takes its name in one step and is picked up by imsimta reload. It is mapped (database_file.h says what
// happens to who writes into it all the same). With USE_TEXT_DATABASES the general, reverse and forward databases
// are texts of the published build instead. One that is not there is empty. All const members are thread-safe.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "mta/config/database_file.h"
#include "mta/config/source.h"

namespace waxwing::mta {

enum class DatabaseId { general, domain, alias, forward, reverse };
struct DatabaseSpec {
  DatabaseId id;
  std::string_view name;    // "general": db/general.db
  std::string_view symbol;  // "IMTA_GENERAL_DATABASE"
  std::string_view text;    // "general.txt"; "" when it has no text form
  unsigned text_bit;        // of USE_TEXT_DATABASES
};
inline constexpr std::array<DatabaseSpec, 5> kDatabases{{
    {DatabaseId::general, "general", "IMTA_GENERAL_DATABASE", "general.txt", 1},
    {DatabaseId::domain, "domain", "IMTA_DOMAIN_DATABASE", "", 0},
    {DatabaseId::alias, "alias", "IMTA_ALIAS_DATABASE", "", 0},
    {DatabaseId::forward, "forward", "IMTA_FORWARD_DATABASE", "forward.txt", 4},
    {DatabaseId::reverse, "reverse", "IMTA_REVERSE_DATABASE", "reverse.txt", 2},
}};

class Databases {
 public:
  // Files of root (none when it is empty), of which only the headers are read, and the texts that text_bits chooses.
  // Permanent error: a file is cut short or of another version, or a text has a line that cannot be read.
  static Result<Databases> load(const std::string& root, const SourceSet& sources, unsigned text_bits);
  // Spares making a key when there is nothing to find.
  bool has(DatabaseId id) const { return (one(id).file ? one(id).file->size() : one(id).image.size()) > 0; }
  // The values of key, in order; none when it is not there. would_block() with cache_only when the file was not read
  // yet. Other errors name the database: temporary for a file, permanent for a text.
  Result<std::vector<std::string>> find(DatabaseId id, std::string_view key, directory::Ask ask) const;
  // Reads and checks every file, whoever needs it or not: before it is published.
  Result<> check() const;
  // Differs when other files or texts were loaded.
  const std::string& id() const { return id_; }

 private:
  struct One {
    std::shared_ptr<const DatabaseFile> file;  // or
    std::shared_ptr<const std::string> text;   // the bytes of
    DatabaseImage image;
  };
  const One& one(DatabaseId id) const { return all_[static_cast<std::size_t>(id)]; }

  std::array<One, kDatabases.size()> all_;
  std::string id_;
};

// "db/general.db" of root.
std::string database_path(const std::string& root, const DatabaseSpec& spec);
const DatabaseSpec& database_spec(DatabaseId id);
// By name, symbol, or "IMTA_GENERAL_DATABASE:"; null when there is no such database.
const DatabaseSpec* find_database(std::string_view name);

// Writes a database durably and in one step; the folder is made when it is not there.
Result<> publish_database(const std::string& path, std::string_view image);

}  // namespace waxwing::mta
