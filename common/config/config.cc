#include "common/config/config.h"

#include <optional>
#include <stdexcept>

#include "common/base/file.h"
#include "common/base/is_there.h"
#include "common/base/strings.h"

namespace waxwing {

namespace {
using Values = std::map<std::string, std::string, std::less<>>;

const OptionSpec& declared(std::string_view name) {
  const auto* spec = find_option(name);
  if (spec == nullptr) throw std::logic_error("option " + std::string(name) + " is not declared");
  return *spec;
}

// Nothing when the line is one that is no option line, or was taken.
std::optional<BadLine> read_line(const std::string& where, std::string_view line, Values& values) {
  line = trim(line);
  if (line.empty() || line.front() == '#' || line.front() == '!') return {};
  const auto equal = line.find('=');
  if (equal == std::string_view::npos)
    return BadLine{"", where + ": no '=' in '" + printable(line) + "'; write name = value"};
  const auto name = trim(line.substr(0, equal));
  auto value = trim(line.substr(equal + 1));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  const auto* spec = find_option(name);
  if (spec == nullptr)
    return BadLine{"", where + ": no option is called '" + printable(name) +
                           "'; 'msconfig show -a' lists those there are"};
  const auto modern = canonical_option_name(*spec, name);
  if (const auto why = check_option(*spec, value); !why.empty())
    return BadLine{modern, where + ": " + std::string(name) + " = " + printable(value) + ": " + why};
  values[modern] = std::string(value);
  return {};
}

Result<> read_config_file(const std::string& path, bool may_be_missing, Values& values,
                          std::vector<BadLine>& bad) {
  if (may_be_missing) {
    TRY(const bool there, is_there(path));
    if (!there) return {};
  }
  TRY(const auto bytes, read_file(path, 4 << 20));
  std::size_t number = 0;
  for (const auto line : split(bytes, '\n'))
    if (auto wrong = read_line(path + " line " + std::to_string(++number), line, values))
      bad.push_back(std::move(*wrong));
  return {};
}
}  // namespace

std::string canonical_option_name(const OptionSpec& spec, std::string_view written) {
  const auto star = spec.name.find('*');
  if (star == std::string_view::npos) return std::string(spec.name);
  if (!spec.legacy_name.empty() && spec.legacy_name.find('*') != std::string_view::npos) {
    const auto old = spec.legacy_name;
    const auto at = old.find('*');
    const auto tail = old.substr(at + 1);
    if (istarts_with(written, old.substr(0, at)) && iends_with(written, tail)) {
      const auto middle = written.substr(at, written.size() - at - tail.size());
      return std::string(spec.name.substr(0, star)) + to_lower(middle) +
             std::string(spec.name.substr(star + 1));
    }
  }
  return to_lower(written);
}

Result<std::shared_ptr<const Config>> Config::load(const std::string& root) {
  std::vector<BadLine> bad;
  TRY(auto config, load_good_lines(root, bad));
  if (bad.empty()) return config;
  std::string text;
  for (const auto& line : bad) text += (text.empty() ? "" : "\n") + line.text;
  return permanent(std::move(text));
}

Result<std::shared_ptr<const Config>> Config::load_good_lines(const std::string& root,
                                                              std::vector<BadLine>& bad) {
  auto config = std::make_shared<Config>();
  config->root_ = root;
  TRY_VOID(read_config_file(root + "/config/msg.conf", false, config->values_, bad));
  TRY_VOID(read_config_file(root + "/config/secrets.conf", true, config->values_, bad));
  return config;
}

std::string Config::path_of(std::string_view relative) const {
  return relative.starts_with('/') ? std::string(relative) : root_ + "/" + std::string(relative);
}

std::string Config::text(std::string_view name) const {
  if (const auto at = values_.find(name); at != values_.end()) return at->second;
  const auto& spec = declared(name);
  if (spec.name != name)
    if (const auto at = values_.find(spec.name); at != values_.end()) return at->second;
  return std::string(spec.fallback);
}

std::int64_t Config::number(std::string_view name) const {
  return to_number<std::int64_t>(text(name)).value_or(0);
}

bool Config::flag(std::string_view name) const {
  const auto value = text(name);
  return iequals(value, "yes") || iequals(value, "on") || iequals(value, "true") || value == "1";
}

std::string Config::path(std::string_view name) const {
  const auto value = text(name);
  return value.empty() ? value : path_of(value);
}

std::map<std::string, std::string> Config::starred(std::string_view pattern) const {
  const auto star = declared(pattern).name.find('*');
  if (star == std::string_view::npos)
    throw std::logic_error("option " + std::string(pattern) + " has no free part");
  const auto head = pattern.substr(0, star), tail = pattern.substr(star + 1);
  std::map<std::string, std::string> found;
  for (auto at = values_.lower_bound(head); at != values_.end() && at->first.starts_with(head); ++at) {
    const std::string_view name = at->first;
    if (name.size() > head.size() + tail.size() && name.ends_with(tail))
      found[std::string(name.substr(head.size(), name.size() - head.size() - tail.size()))] = at->second;
  }
  return found;
}

bool Config::is_set(std::string_view name) const {
  return values_.contains(name) || values_.contains(declared(name).name);
}

}  // namespace waxwing
