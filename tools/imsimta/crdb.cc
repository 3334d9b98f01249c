// imsimta crdb and renamedb: the MTA's databases, made from text and put in place.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "common/base/file.h"
#include "common/base/is_there.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "mta/config/database_text.h"
#include "mta/config/databases.h"
#include "mta/config/rule_set.h"
#include "tools/imsimta/command.h"

namespace waxwing::imsimta {
namespace {

using namespace mta;

constexpr std::string_view kUsage =
    "crdb [-append] [-count] [-delete] [-duplicates] [-long_records] [-quoted] [-remove] [-statistics] "
    "[-strip_colons] text database | crdb -dump database [text]";
constexpr std::size_t kMaxTextBytes = std::size_t{2} << 30;
constexpr std::size_t kToldProblems = 20;

struct Wishes {
  bool append = false, remove_keys = false, dump = false, count = true, statistics = false;
  DatabaseTextOptions text;
  std::string input, output;
};

Result<Wishes> wishes_of(Arguments& arguments) {
  Wishes wishes;
  const auto take = [&](const char* name) { return arguments.take(name); };
  wishes.append = take("append");
  wishes.remove_keys = take("delete");
  wishes.dump = take("dump");
  take("count");
  wishes.count = !take("nocount");
  wishes.statistics = take("statistics");
  wishes.text.duplicates = take("duplicates");
  wishes.text.quoted = take("quoted");
  wishes.text.remove_quotes = take("remove");
  wishes.text.strip_colons = take("strip_colons");
  for (const auto* usual : {"long_records", "nolong_records", "noappend", "nodelete", "noduplicates",
                            "noquoted", "noremove", "nostatistics", "nostrip_colons", "nodump"})
    take(usual);
  wishes.input = arguments.take_word();
  wishes.output = arguments.take_word();
  TRY_VOID(arguments.finish(kUsage));
  if (wishes.input.empty() || (wishes.output.empty() && !wishes.dump))
    return permanent("usage: imsimta " + std::string(kUsage));
  if (wishes.append && wishes.remove_keys) return permanent("-append and -delete cannot both be meant");
  return wishes;
}

Result<DatabaseEntries> read_database(const std::string& path) {
  TRY(const auto bytes, read_file(path, kMaxTextBytes));
  const auto image = DatabaseImage::open(bytes);
  if (!image) return wrap(image.error(), path);
  auto entries = image->all();
  if (!entries) return wrap(entries.error(), path);
  return entries;
}

// The templates of the domain database are looked at now, not when the first address meets them.
void check_templates(const DatabaseEntries& entries, std::vector<std::string>& errors) {
  for (const auto& [key, value] : entries)
    if (const auto compiled = compile_rule_template(value); !compiled)
      errors.push_back(printable(key, 60) + ": " + compiled.error().text);
}

void tell(const char* what, const std::vector<std::string>& lines) {
  for (std::size_t i = 0; i < lines.size() && i < kToldProblems; ++i)
    fmt::print(stderr, "imsimta crdb: {}: {}\n", what, lines[i]);
  if (lines.size() > kToldProblems)
    fmt::print(stderr, "imsimta crdb: {}: and {} more\n", what, lines.size() - kToldProblems);
}

// -append: with the new ones behind the old, or in their place unless -duplicates. -delete: the old ones without
// the keys of the text.
DatabaseEntries combined(DatabaseEntries before, DatabaseEntries added, const Wishes& wishes) {
  if (wishes.remove_keys || !wishes.text.duplicates) {
    std::set<std::string> keys;
    for (const auto& [key, value] : added) keys.insert(to_lower(key));
    std::erase_if(before, [&](const auto& entry) { return keys.contains(to_lower(entry.first)); });
  }
  if (!wishes.remove_keys) std::ranges::move(added, std::back_inserter(before));
  return before;
}

Result<int> dump(const Context& context, const Wishes& wishes) {
  TRY(const auto entries, read_database(path_of_database(context, wishes.input)));
  const auto text = write_database_text(entries);
  if (!wishes.output.empty()) {
    TRY_VOID(replace_file(wishes.output, text, 0640));
    fmt::print("{} entries written to {}\n", entries.size(), wishes.output);
  } else if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
    return temporary("cannot write to standard output");
  }
  return 0;
}

}  // namespace

std::string path_of_database(const Context& context, const std::string& name) {
  if (const auto* spec = find_database(name)) return database_path(context.root, *spec);
  const auto slash = name.rfind('/');
  const bool has_suffix = name.find('.', slash == name.npos ? 0 : slash) != name.npos;
  return has_suffix ? name : name + ".db";
}

Result<int> run_crdb(const Context& context, Arguments arguments) {
  TRY(const auto wishes, wishes_of(arguments));
  if (wishes.dump) return dump(context, wishes);
  const auto path = path_of_database(context, wishes.output);
  TRY(const auto text, read_file(wishes.input, kMaxTextBytes));
  auto parsed = parse_database_text(text, wishes.input, wishes.text);
  if (path == database_path(context.root, database_spec(DatabaseId::domain)))
    check_templates(parsed.entries, parsed.errors);
  if (!parsed.errors.empty()) {
    tell("error", parsed.errors);
    return permanent("nothing made: " + wishes.input + " has " + std::to_string(parsed.errors.size()) +
                     " lines that cannot be taken");
  }
  tell("warning", parsed.duplicates);
  auto entries = std::move(parsed.entries);
  TRY(const bool there, is_there(path));
  if ((wishes.append || wishes.remove_keys) && there) {
    TRY(auto before, read_database(path));
    entries = combined(std::move(before), std::move(entries), wishes);
  } else if (wishes.remove_keys) {
    return permanent("there is no " + path + " to delete from");
  }
  TRY(const auto image, encode_database(entries, static_cast<std::uint64_t>(wall_ms() / 1000)));
  TRY_VOID(publish_database(path, image));
  if (wishes.count) fmt::print("{} entries in {}\n", entries.size(), path);
  if (wishes.statistics)
    fmt::print("{} lines read, {} duplicates left out, {} bytes\n", parsed.lines, parsed.duplicates.size(),
               image.size());
  return 0;
}

Result<int> run_renamedb(const Context& context, Arguments arguments) {
  const auto from = arguments.take_word(), to = arguments.take_word();
  TRY_VOID(arguments.finish("renamedb old new"));
  if (from.empty() || to.empty()) return permanent("usage: imsimta renamedb old new");
  const auto old_path = path_of_database(context, from), new_path = path_of_database(context, to);
  TRY(const auto bytes, read_file(old_path, kMaxTextBytes));
  const auto image = DatabaseImage::open(bytes);
  if (!image) return wrap(image.error(), old_path);
  if (const auto all = image->all(); !all) return wrap(all.error(), old_path);
  // Not rename(2): the two names may lie on different file systems, and the new one must be durable first.
  TRY_VOID(publish_database(new_path, bytes));
  if (old_path != new_path && std::remove(old_path.c_str()) != 0)
    return std::unexpected(system_error("removing " + old_path, errno));
  fmt::print("{} is {} now\n", old_path, new_path);
  return 0;
}

}  // namespace waxwing::imsimta
