// The registry: every option of msg.conf, one table per room.
#include <array>
#include <unordered_map>

#include "common/base/strings.h"
#include "common/config/allowed.h"
#include "common/config/config.h"

namespace waxwing {

namespace {
constexpr OptionSpec kRegistry[] = {
#include "common/config/options/auth.inc"
#include "common/config/options/directory.inc"
#include "common/config/options/dispatcher.inc"
#include "common/config/options/imap.inc"
#include "common/config/options/journal.inc"
#include "common/config/options/lmtp.inc"
#include "common/config/options/local.inc"
#include "common/config/options/metermaid.inc"
#include "common/config/options/mta.inc"
#include "common/config/options/pop.inc"
#include "common/config/options/queue.inc"
#include "common/config/options/smtp.inc"
#include "common/config/options/store.inc"
#include "common/config/options/watcher.inc"
};

// "store.partition.*.path" against "store.partition.primary.path": * is one or more characters, no dot but at the end
// of a pattern, where it may be a host.
bool matches(std::string_view pattern, std::string_view name) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) return iequals(pattern, name);
  const auto head = pattern.substr(0, star), tail = pattern.substr(star + 1);
  if (name.size() <= head.size() + tail.size()) return false;
  const auto middle = name.substr(head.size(), name.size() - head.size() - tail.size());
  return istarts_with(name, head) && iends_with(name, tail) &&
         (tail.empty() || middle.find('.') == std::string_view::npos);
}

bool is_flag(std::string_view value) {
  for (const auto* word : {"yes", "no", "on", "off", "true", "false", "1", "0"})
    if (iequals(value, word)) return true;
  return false;
}

// By the name as it is declared, which is how programs ask: on the way of every message.
const OptionSpec* find_declared(std::string_view name) {
  static const auto* const by_name = [] {
    auto* made = new std::unordered_map<std::string_view, const OptionSpec*>;
    for (const auto& spec : kRegistry) made->emplace(spec.name, &spec);
    return made;
  }();
  const auto at = by_name->find(name);
  return at == by_name->end() ? nullptr : at->second;
}

constexpr AllowedValues kAllowed[] = {
#include "common/config/options/allowed.inc"
};

// "1..1000" or "0..": empty when the number is in it.
std::string check_range(std::string_view allowed, std::int64_t number) {
  const auto dots = allowed.find("..");
  if (dots == std::string_view::npos) return number < 0 ? "must be 0 or more" : "";
  const auto least = to_number<std::int64_t>(allowed.substr(0, dots));
  const auto most = to_number<std::int64_t>(allowed.substr(dots + 2));
  if (number >= least.value_or(0) && (!most || number <= *most)) return {};
  const auto from = std::string(allowed.substr(0, dots));
  return most ? "must be from " + from + " to " + std::to_string(*most) : "must be " + from + " or more";
}

std::string check_word(std::string_view allowed, std::string_view value) {
  if (allowed.empty() || value.empty()) return {};
  for (const auto word : split_words(allowed))
    if (iequals(word, value)) return {};
  return "must be one of " + std::string(allowed);
}

}  // namespace

std::span<const AllowedValues> allowed_values() {
  return kAllowed;
}

std::string_view allowed_of(const OptionSpec& spec) {
  for (const auto& row : kAllowed)
    if (row.name == spec.name) return row.allowed;
  return {};
}

std::string allowed_words(const OptionSpec& spec) {
  const auto allowed = allowed_of(spec);
  const auto dots = allowed.find("..");
  if (allowed.empty()) return {};
  if (dots == std::string_view::npos) return "one of " + std::string(allowed);
  const std::string least(allowed.substr(0, dots)), most(allowed.substr(dots + 2));
  return most.empty() ? least + " or more" : least + " to " + most;
}

std::span<const OptionSpec> option_registry() {
  return kRegistry;
}

const OptionSpec* find_option(std::string_view name) {
  if (const auto* spec = find_declared(name)) return spec;
  for (const auto& spec : kRegistry)
    if (matches(spec.name, name) || (!spec.legacy_name.empty() && matches(spec.legacy_name, name)))
      return &spec;
  return nullptr;
}

std::string check_option(const OptionSpec& spec, std::string_view value) {
  switch (spec.type) {
    case OptionType::number:
    case OptionType::seconds:
    case OptionType::bytes: {
      const auto number = to_number<std::int64_t>(value);
      if (!number)
        return spec.type == OptionType::bytes ? "must be a number of bytes" : "must be a whole number";
      return check_range(allowed_of(spec), *number);
    }
    case OptionType::port: {
      const auto port = to_number<unsigned>(value);
      if (!port || *port > 65535) return "must be a port, 0 to 65535";
      break;
    }
    case OptionType::flag:
      if (!is_flag(value)) return "must be yes or no";
      break;
    case OptionType::text:
    case OptionType::path:
    case OptionType::secret:
      if (value.find_first_of("\r\n") != std::string_view::npos) return "must be one line";
      return check_word(allowed_of(spec), value);
  }
  return {};
}

}  // namespace waxwing
