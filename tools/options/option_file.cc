#include "tools/options/option_file.h"

#include <unistd.h>

#include <algorithm>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/base/time.h"

namespace waxwing {

namespace {

constexpr std::size_t kHistory = 20;

std::vector<std::string> to_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::string_view line : split(text, '\n')) lines.emplace_back(line);
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::string to_text(const std::vector<std::string>& lines) {
  return lines.empty() ? std::string() : join(lines, "\n") + "\n";
}

// The modern name that a line sets, or "" for comments and the like.
std::string name_of(std::string_view line) {
  line = trim(line);
  const auto equal = line.find('=');
  if (line.empty() || line.front() == '#' || line.front() == '!' || equal == std::string_view::npos)
    return {};
  const auto name = trim(line.substr(0, equal));
  const OptionSpec* spec = find_option(name);
  return spec ? canonical_option_name(*spec, name) : std::string();
}

std::string value_of(std::string_view line) {
  auto value = trim(line.substr(line.find('=') + 1));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  return std::string(value);
}

bool needs_quotes(std::string_view value) {
  return value.empty() || is_blank(value.front()) || is_blank(value.back()) || value.front() == '"';
}

// Letters to add, drop or change to get from a to b (Levenshtein), case-blind.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row[b.size()];
}

}  // namespace

Result<const OptionSpec*> option_called(std::string_view name) {
  if (const OptionSpec* spec = find_option(name)) return spec;
  std::string_view nearest;
  std::size_t best = name.size() / 3 + 2;  // farther apart than that is no slip of the fingers
  for (const OptionSpec& spec : option_registry()) {
    for (std::string_view candidate : {spec.name, spec.legacy_name}) {
      const std::size_t apart = candidate.empty() ? best : distance(name, candidate);
      if (apart < best) best = apart, nearest = candidate;
    }
  }
  return permanent("there is no option '" + printable(name) + "'" +
                   (nearest.empty() ? "; " : "; is " + std::string(nearest) + " meant? ") +
                   "'msconfig show -a' lists all");
}

std::map<std::string, std::string> parse_options(std::string_view text) {
  std::map<std::string, std::string> values;
  for (std::string_view line : split(text, '\n'))
    if (const std::string name = name_of(line); !name.empty()) values[name] = value_of(line);
  return values;
}

std::string shown_value(const OptionSpec& spec, const std::string& value) {
  return spec.type == OptionType::secret && !value.empty() ? "(hidden)" : value;
}

Result<OptionFile> OptionFile::load(const std::string& root) {
  OptionFile file;
  file.root_ = root;
  TRY(file.old_text_, read_file(root + "/config/msg.conf", 4 << 20));
  if (file_exists(root + "/config/secrets.conf")) {
    TRY(file.old_secrets_, read_file(root + "/config/secrets.conf", 4 << 20));
  }
  file.lines_ = to_lines(file.old_text_);
  file.secret_lines_ = to_lines(file.old_secrets_);
  return file;
}

std::map<std::string, std::string> OptionFile::values() const {
  auto values = parse_options(to_text(lines_));
  values.merge(parse_options(to_text(secret_lines_)));
  return values;
}

std::optional<std::string> OptionFile::value(std::string_view name) const {
  const OptionSpec* spec = find_option(name);
  if (!spec) return std::nullopt;
  const auto all = values();
  const auto at = all.find(canonical_option_name(*spec, name));
  return at == all.end() ? std::nullopt : std::optional(at->second);
}

Result<> OptionFile::set(std::string_view name, std::string_view value) {
  TRY(const OptionSpec* spec, option_called(name));
  if (const std::string why = check_option(*spec, value); !why.empty())
    return permanent(std::string(name) + " " + why + ", not '" + printable(value) + "'");
  const std::string modern = canonical_option_name(*spec, name);
  const std::string quote = needs_quotes(value) ? "\"" : "";
  const std::string line = modern + " = " + quote + std::string(value) + quote;
  auto& lines = spec->type == OptionType::secret ? secret_lines_ : lines_;
  // The last one in the file counts; a name that stands twice stays with one line.
  const auto last = std::find_if(lines.rbegin(), lines.rend(), [&](auto& l) { return name_of(l) == modern; });
  if (last == lines.rend()) {
    lines.push_back(line);
  } else {
    *last = line;
    const auto keep = last.base() - 1;
    std::vector<std::string> rest;
    for (auto at = lines.begin(); at != lines.end(); ++at)
      if (at == keep || name_of(*at) != modern) rest.push_back(*at);
    lines = std::move(rest);
  }
  return {};
}

Result<bool> OptionFile::unset(std::string_view name) {
  TRY(const OptionSpec* spec, option_called(name));
  const std::string modern = canonical_option_name(*spec, name);
  std::size_t gone = 0;
  for (auto* lines : {&lines_, &secret_lines_})
    gone += std::erase_if(*lines, [&](const std::string& line) { return name_of(line) == modern; });
  return gone > 0;
}

namespace {
constexpr std::string_view kTexts = "/config/history/msg.conf.", kSecrets = "/config/history/secrets.conf.";

// The files of that kind, newest first.
std::vector<std::string> kept(const std::string& root, std::string_view kind) {
  const auto slash = kind.rfind('/');
  const std::string folder = root + std::string(kind.substr(0, slash + 1));
  std::vector<std::string> paths;
  if (const auto names = list_directory(folder))
    for (const std::string& name : *names)
      if (name.starts_with(kind.substr(slash + 1))) paths.push_back(folder + name);
  std::ranges::sort(paths, std::greater<>());
  return paths;
}

std::string time_of(const std::string& path) {
  return path.substr(path.rfind(".conf.") + 6);
}

// The secrets stand by themselves, for their owner only, and only where they were changed.
void forget_the_oldest(const std::string& root) {
  const auto texts = option_history(root);
  if (texts.size() <= kHistory) return;
  for (std::size_t i = kHistory; i < texts.size(); ++i) ::unlink(texts[i].c_str());
  for (const std::string& path : kept(root, kSecrets))
    if (time_of(path) < time_of(texts[kHistory - 1])) ::unlink(path.c_str());
}
}  // namespace

Result<> OptionFile::save() const {
  const std::string text = to_text(lines_), secrets = to_text(secret_lines_);
  if (text == old_text_ && secrets == old_secrets_) return {};
  const std::string config = root_ + "/config/", now = iso_timestamp(wall_ms());
  TRY_VOID(make_directories(config + "history"));
  TRY_VOID(replace_file(root_ + std::string(kTexts) + now, old_text_, 0644));
  if (secrets != old_secrets_) {
    TRY_VOID(replace_file(root_ + std::string(kSecrets) + now, old_secrets_, 0600));
    TRY_VOID(replace_file(config + "secrets.conf", secrets, 0600));
  }
  forget_the_oldest(root_);
  return text == old_text_ ? Result<>() : replace_file(config + "msg.conf", text, 0644);
}

std::vector<std::string> option_history(const std::string& root) {
  return kept(root, kTexts);
}

Result<std::map<std::string, std::string>> earlier_options(const std::string& root, const std::string& path) {
  TRY(const std::string text, read_file(path, 4 << 20));
  auto values = parse_options(text);
  // What was kept at the first change since then is what held then.
  std::string secrets = root + "/config/secrets.conf";
  for (const std::string& later : kept(root, kSecrets))
    if (time_of(later) >= time_of(path)) secrets = later;
  if (!file_exists(secrets)) return values;
  TRY(const std::string secret_text, read_file(secrets, 4 << 20));
  values.merge(parse_options(secret_text));
  return values;
}

}  // namespace waxwing
