#include "mta/config/conversions.h"

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing::mta {

namespace {

constexpr std::size_t kMostValueBytes = 1000;  // of what is compared with a pattern

enum class Takes { text, pattern, flag, number };
struct ClauseRow {
  std::string_view name;
  Takes takes;
  bool numbered = false;  // name-0, name-1 ...
};

constexpr ClauseRow kClauses[] = {
    {"in-channel", Takes::pattern},
    {"out-channel", Takes::pattern},
    {"in-type", Takes::pattern},
    {"in-subtype", Takes::pattern},
    {"in-description", Takes::pattern},
    {"in-disposition", Takes::pattern},
    {"in-subject", Takes::pattern},
    {"in-parameter-name", Takes::pattern, true},
    {"in-parameter-value", Takes::pattern, true},
    {"in-parameter-default", Takes::text, true},
    {"in-dparameter-name", Takes::pattern, true},
    {"in-dparameter-value", Takes::pattern, true},
    {"in-dparameter-default", Takes::text, true},
    {"part-number", Takes::pattern},
    {"attachment-number", Takes::pattern},
    {"tag", Takes::pattern},
    {"command", Takes::text},
    {"service-command", Takes::text},
    {"delete", Takes::flag},
    {"relabel", Takes::flag},
    {"out-type", Takes::text},
    {"out-subtype", Takes::text},
    {"out-encoding", Takes::text},
    {"out-mode", Takes::text},
    {"out-description", Takes::text},
    {"out-disposition", Takes::text},
    {"out-parameter-name", Takes::text, true},
    {"out-parameter-value", Takes::text, true},
    {"out-dparameter-name", Takes::text, true},
    {"out-dparameter-value", Takes::text, true},
    {"parameter-symbol", Takes::text, true},
    {"parameter-copy", Takes::pattern, true},
    {"dparameter-symbol", Takes::text, true},
    {"dparameter-copy", Takes::pattern, true},
    {"original-header-file", Takes::flag},
    {"override-header-file", Takes::flag},
    {"override-option-file", Takes::flag},
    {"message-header-file", Takes::number},
};

// Values that only some words make sense for.
struct WordRow {
  std::string_view name;
  std::vector<std::string_view> words;
};
const std::vector<WordRow>& word_rows() {
  static const std::vector<WordRow> rows = {
      {"out-mode", {"block", "record", "text"}},
      {"out-encoding", {"7bit", "8bit", "base64", "quoted-printable", "none"}},
      {"message-header-file", {"0", "1", "2"}},
  };
  return rows;
}

std::string full_name(std::string_view name) {
  auto lower = to_lower(trim(name));
  if (lower == "in-chan") return "in-channel";
  if (lower == "out-chan") return "out-channel";
  return lower;
}

const ClauseRow* row_of(std::string_view name) {
  const auto digits = name.find_last_not_of("0123456789");
  const bool numbered = digits != name.npos && digits + 1 < name.size() && name[digits] == '-';
  const auto family = numbered ? name.substr(0, digits) : name;
  const auto* row = std::ranges::find(kClauses, family, &ClauseRow::name);
  return row == std::end(kClauses) || row->numbered != numbered ? nullptr : row;
}

// "a=b; c=\"d;e\"" at its semicolons; quotes and what a backslash protects in them are undone. open: a quote was.
std::vector<std::string> clauses_of(std::string_view line, bool& open) {
  std::vector<std::string> clauses(1);
  open = false;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (open && c == '\\' && at + 1 < line.size() && (line[at + 1] == '"' || line[at + 1] == '\\'))
      clauses.back() += line[++at];
    else if (c == '"')
      open = !open;
    else if (c == ';' && !open)
      clauses.emplace_back();
    else
      clauses.back() += c;
  }
  return clauses;
}

}  // namespace

Result<ConversionPattern> ConversionPattern::compile(std::string_view text) {
  ConversionPattern pattern;
  TRY(pattern.items_, compile_pattern(text));
  return pattern;
}

bool ConversionPattern::matches(std::string_view value) const {
  std::vector<std::string_view> saved;
  return match_pattern(items_, value.substr(0, kMostValueBytes), saved);
}

std::string_view ConversionEntry::text(const std::string& clause) const {
  const auto at = clauses_.find(clause);
  return at == clauses_.end() ? std::string_view() : std::string_view(at->second);
}

bool ConversionEntry::flag(const std::string& clause) const {
  const auto value = text(clause);
  return value == "1" || iequals(value, "yes") || iequals(value, "true");
}

std::int64_t ConversionEntry::number(const std::string& clause) const {
  return to_number<std::int64_t>(text(clause)).value_or(0);
}

bool ConversionEntry::fits(const std::string& clause, std::string_view value) const {
  const auto at = patterns_.find(clause);
  return at == patterns_.end() || at->second.matches(value);
}

std::vector<unsigned> ConversionEntry::numbers(const std::string& family) const {
  std::vector<unsigned> found;
  const auto prefix = family + "-";
  for (auto at = clauses_.lower_bound(prefix); at != clauses_.end() && at->first.starts_with(prefix); ++at)
    if (const auto number = to_number<unsigned>(std::string_view(at->first).substr(prefix.size())))
      found.push_back(*number);
  std::ranges::sort(found);
  return found;
}

Result<> ConversionEntry::add(std::string_view name, std::string value) {
  const auto clause = full_name(name);
  const auto* row = row_of(clause);
  if (row == nullptr) return permanent("unknown clause \"" + printable(clause) + "\"; see conversions(5)");
  if (!clauses_.emplace(clause, value).second) return permanent(clause + " is there twice in one entry");
  for (const auto& [words_of, words] : word_rows())
    if (words_of == clause && std::ranges::none_of(words, [&](auto word) { return iequals(word, value); })) {
      std::string all;
      for (const auto word : words) all.append(all.empty() ? "" : ", ").append(word);
      return permanent(clause + " takes " + all + ", not " + printable(value));
    }
  if (row->takes != Takes::pattern) return {};
  auto pattern = ConversionPattern::compile(value);
  if (!pattern) return wrap(pattern.error(), clause);
  patterns_.emplace(clause, std::move(*pattern));
  return {};
}

Conversions Conversions::parse(const SourceSet& sources, std::string_view file,
                               std::vector<std::string>& errors, std::vector<std::string>& warnings) {
  Conversions result;
  if (!sources.has_file(file)) return result;
  bool fresh = true;
  for (const auto& line : read_lines(sources, file, sources.comment_marks(), errors)) {
    if (line.blank()) {
      fresh = true;
      continue;
    }
    if (fresh) result.entries_.emplace_back().where_ = line.where();
    auto& entry = result.entries_.back();
    bool open = false;
    for (const auto& clause : clauses_of(line.text, open)) {
      if (trim(clause).empty()) continue;
      const auto equals = clause.find('=');
      if (equals == clause.npos) {
        errors.push_back(line.where() + ": \"" + printable(trim(clause), 80) +
                         "\" is not of the form name=value");
        continue;
      }
      const auto name = std::string_view(clause).substr(0, equals);
      if (const auto added = entry.add(name, std::string(trim(std::string_view(clause).substr(equals + 1))));
          !added)
        errors.push_back(line.where() + ": " + added.error().text);
    }
    if (open) errors.push_back(line.where() + ": a quote is opened and not closed");
    fresh = !trim(line.text).ends_with(';');
  }
  for (const auto& entry : result.entries_) {
    result.relabels_ = result.relabels_ || entry.flag("relabel");
    const bool acts = entry.has("command") || entry.has("service-command") || entry.flag("delete");
    if (!acts && !entry.flag("relabel"))
      warnings.push_back(
          entry.where() +
          ": the entry has no command, service-command, delete=1 or relabel=1: it does nothing");
    if (acts && entry.flag("relabel"))
      warnings.push_back(entry.where() +
                         ": relabel=1 changes labels only: the entry's command, service-command or "
                         "delete has no effect");
  }
  return result;
}

}  // namespace waxwing::mta
