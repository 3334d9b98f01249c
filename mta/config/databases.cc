#include "mta/config/databases.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/file.h"
#include "common/base/is_there.h"
#include "common/base/strings.h"
#include "mta/config/database_text.h"
#include "mta/config/publish_file.h"

namespace waxwing::mta {

namespace {

// The image of a text of the published build.
Result<std::string> image_of_text(const SourceSet& sources, std::string_view file) {
  const DatabaseTextOptions quoted{true, true, false, false};
  auto parsed = parse_database_text(sources.text(file), file, quoted);
  auto errors = std::move(parsed.errors);
  errors.insert(errors.end(), parsed.duplicates.begin(), parsed.duplicates.end());
  if (!errors.empty()) return permanent(join(errors, "\n"));
  return encode_database(parsed.entries, 0);
}

}  // namespace

Result<Databases> Databases::load(const std::string& root, const SourceSet& sources, unsigned text_bits) {
  Databases all;
  for (const auto& spec : kDatabases) {
    auto& one = all.all_[static_cast<std::size_t>(spec.id)];
    const auto path = database_path(root, spec);
    if ((spec.text_bit & text_bits) != 0) {
      TRY(auto bytes, image_of_text(sources, spec.text));
      one.text = std::make_shared<const std::string>(std::move(bytes));
      TRY(one.image, DatabaseImage::open(*one.text));
      all.id_ += fmt::format("{}:{:016x} ", spec.name, XXH3_64bits(one.text->data(), one.text->size()));
    } else if (!root.empty()) {
      TRY(const bool there, is_there(path));
      if (!there) continue;
      TRY(auto file, DatabaseFile::open(path));
      all.id_ += fmt::format("{}:{} ", spec.name, file->id());
      one.file = std::move(file);
    }
  }
  return all;
}

Result<std::vector<std::string>> Databases::find(DatabaseId id, std::string_view key,
                                                 directory::Ask ask) const {
  const auto& database = one(id);
  if (database.file) return database.file->find(key, ask);
  const auto found = database.image.find(key);
  if (!found) return wrap(found.error(), std::string(database_spec(id).name) + " database");
  return std::vector<std::string>(found->begin(), found->end());
}

Result<> Databases::check() const {
  for (const auto& database : all_)
    if (database.file) TRY_VOID(database.file->check());
  return {};
}

std::string database_path(const std::string& root, const DatabaseSpec& spec) {
  return root + "/db/" + std::string(spec.name) + ".db";
}

const DatabaseSpec& database_spec(DatabaseId id) {
  return kDatabases[static_cast<std::size_t>(id)];
}

const DatabaseSpec* find_database(std::string_view name) {
  if (name.ends_with(':')) name.remove_suffix(1);
  const auto found = std::ranges::find_if(
      kDatabases, [&](const auto& spec) { return iequals(name, spec.name) || iequals(name, spec.symbol); });
  return found == kDatabases.end() ? nullptr : &*found;
}

Result<> publish_database(const std::string& path, std::string_view image) {
  const auto slash = path.rfind('/');
  if (slash != path.npos && slash > 0) TRY_VOID(make_directories(path.substr(0, slash), 0750));
  return publish_file(path, image);
}

}  // namespace waxwing::mta
