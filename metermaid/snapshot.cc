#include "metermaid/snapshot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <xxhash.h>

#include <cstdio>
#include <optional>

#include "common/base/file.h"
#include "common/base/is_there.h"
#include "common/base/strings.h"

namespace waxwing::metermaid {

namespace {

constexpr std::string_view kMagic = "waxwing-metermaid 1\n";
constexpr std::size_t kMostFileBytes = std::size_t{1} << 30;
constexpr std::uint64_t kAddedBytes = 16 << 20;  // the file is not written anew for less

std::string check_of(std::string_view text) {
  return fmt::format("{:08x}", XXH3_64bits(text.data(), text.size()) & 0xffffffffU);
}

// A word of the line in any case.
constexpr std::string_view kEmptyKey = ".";

std::string encode_key(const std::string& key) {
  return key.empty() ? std::string(kEmptyKey) : to_hex(key);
}

std::optional<std::string> decode_key(std::string_view text) {
  return text == kEmptyKey ? std::string() : from_hex(text);
}

void add_line(std::string& out, const std::string& line) {
  out.append(line).append(" ").append(check_of(line)).append("\n");
}

void add_entry(std::string& out, const std::string& table, const Entry& entry) {
  add_line(out, fmt::format("{} {} {} {} {} {} {:d}", table, encode_key(entry.key), entry.begun_ms,
                            entry.seen_ms, entry.count, entry.usual, entry.told));
}

struct Line {
  std::string table;
  Entry entry;
  bool removed = false;
};

std::optional<Line> parse_line(std::string_view text) {
  const auto last = text.rfind(' ');
  if (last == text.npos || check_of(text.substr(0, last)) != text.substr(last + 1)) return std::nullopt;
  const auto words = split_words(text.substr(0, last));
  const auto key = words.size() > 2 ? decode_key(words[1]) : std::nullopt;
  if (!key) return std::nullopt;
  Line line{std::string(words[0]), {.key = *key}, words[2] == "-"};
  if (line.removed) return line;
  std::int64_t told = 0;
  std::int64_t* const numbers[] = {&line.entry.begun_ms, &line.entry.seen_ms, &line.entry.count,
                                   &line.entry.usual, &told};
  if (words.size() != 2 + std::size(numbers)) return std::nullopt;
  for (std::size_t i = 0; i < std::size(numbers); ++i) {
    const auto number = to_number<std::int64_t>(words[i + 2]);
    if (!number) return std::nullopt;
    *numbers[i] = *number;
  }
  line.entry.told = told != 0;
  return line;
}

}  // namespace

std::string encode_tables(const Tables& tables) {
  std::string text(kMagic);
  for (const auto& [name, table] : tables)
    for (const auto& entry : table.entries()) add_entry(text, name, entry);
  return text;
}

std::string encode_changes(Tables& tables) {
  std::string text;
  for (auto& [name, table] : tables)
    for (const auto& key : table.take_changes()) {
      if (const auto* entry = table.look(key))
        add_entry(text, name, *entry);
      else
        add_line(text, fmt::format("{} {} -", name, encode_key(key)));
    }
  return text;
}

Result<Decoded> decode_tables(std::string_view text, Tables& tables) {
  Decoded decoded;
  if (text.empty()) return decoded;
  if (!text.starts_with(kMagic)) return permanent("not a waxwing-metermaid 1 file");
  text.remove_prefix(kMagic.size());
  while (!text.empty()) {
    const bool whole = text.find('\n') != text.npos;
    auto line = parse_line(take_until(text, '\n'));
    if (!line || !whole) {
      ++decoded.damaged_lines;
      continue;
    }
    const auto table = tables.find(line->table);
    if (table == tables.end()) continue;
    if (line->removed)
      table->second.remove(line->entry.key);
    else
      table->second.restore(std::move(line->entry));
  }
  return decoded;
}

Result<Decoded> Snapshot::load(Tables& tables) {
  Decoded decoded;
  TRY(const bool there, is_there(path_));
  if (there) {
    TRY(const auto text, read_file(path_, kMostFileBytes));
    auto taken = decode_tables(text, tables);
    if (!taken) {
      // Perhaps a later version's: not ours to write over.
      (void)std::rename(path_.c_str(), (path_ + ".unknown").c_str());
      return wrap(std::move(taken.error()), path_ + ", which is now called tables.unknown");
    }
    decoded = *taken;
  }
  const auto all = take_all(tables);
  const auto written = write(all);
  note(all, written.has_value());
  if (!written) return std::unexpected(written.error());
  return decoded;
}

Snapshot::Portion Snapshot::take_all(Tables& tables) {
  (void)encode_changes(tables);
  must_rewrite_ = false;
  return {encode_tables(tables), true};
}

Snapshot::Portion Snapshot::take(Tables& tables) {
  if (must_rewrite_) return take_all(tables);
  auto lines = encode_changes(tables);
  if (added_bytes_ + lines.size() > whole_bytes_ + kAddedBytes) return take_all(tables);
  return {std::move(lines), false};
}

Result<> Snapshot::write(const Portion& portion) const {
  if (portion.whole) return replace_file(path_, portion.text);
  if (portion.text.empty()) return {};
  TRY(const auto file, open_file(path_, O_WRONLY | O_APPEND));
  return write_all(file.get(), portion.text);
}

void Snapshot::note(const Portion& portion, bool written) {
  if (!written)
    must_rewrite_ = true;
  else if (portion.whole)
    whole_bytes_ = portion.text.size(), added_bytes_ = 0;
  else
    added_bytes_ += portion.text.size();
}

}  // namespace waxwing::metermaid
