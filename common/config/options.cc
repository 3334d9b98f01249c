// The registry: every option of msg.conf, one table per room.
#include <array>
#include <unordered_map>

#include "common/base/strings.h"
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
#include "common/config/options/mta.inc"
#include "common/config/options/pop.inc"
#include "common/config/options/queue.inc"
#include "common/config/options/smtp.inc"
#include "common/config/options/store.inc"
#include "common/config/options/watcher.inc"
};

// "store.partition.*.path" against "store.partition.primary.path": * is one or more characters, no dot.
bool matches(std::string_view pattern, std::string_view name) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) return iequals(pattern, name);
  const auto head = pattern.substr(0, star), tail = pattern.substr(star + 1);
  if (name.size() <= head.size() + tail.size()) return false;
  const auto middle = name.substr(head.size(), name.size() - head.size() - tail.size());
  return istarts_with(name, head) && iends_with(name, tail) && middle.find('.') == std::string_view::npos;
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

}  // namespace

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
      if (!to_number<std::int64_t>(value)) return "must be a whole number";
      break;
    case OptionType::bytes:
      if (!to_number<std::int64_t>(value) || value.front() == '-') {
        if (value != "-1" && value != "-2") return "must be a number of bytes";
      }
      break;
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
      break;
  }
  return {};
}

}  // namespace waxwing
