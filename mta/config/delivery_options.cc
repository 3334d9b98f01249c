#include "mta/config/delivery_options.h"

#include <algorithm>

#include "common/base/strings.h"
#include "mta/config/delivery_template.h"

namespace waxwing::mta {
namespace {

bool take_prefix(DeliveryOption& option, char c) {
  switch (c) {
    case '*':
      return option.users = true;
    case '&':
      return option.groups = true;
    case '#':
      return option.even_off_host = true;
    case '/':
      return option.hold = true;
    case '@':
      return option.offline = true;
    case '$':
      return option.expand_later = true;
    case '^':
      return option.vacation_dates = true;
    case '!':
      return option.autoreply = true;
    default:
      return false;
  }
}

Result<DeliveryOption> parse_clause(std::string_view clause) {
  DeliveryOption option;
  auto rest = trim(clause);
  while (!rest.empty() && take_prefix(option, rest[0])) rest.remove_prefix(1);
  const auto equals = rest.find('=');
  if (equals == rest.npos || equals == 0)
    return permanent("DELIVERY_OPTIONS: \"" + printable(clause, 80) + "\" is not of the form name=template");
  option.name = to_lower(rest.substr(0, equals));
  option.address_template = std::string(rest.substr(equals + 1));
  if (option.address_template == "*") option.target = DeliveryOption::Target::members;
  if (option.address_template == "**") option.target = DeliveryOption::Target::forwards;
  if (option.target != DeliveryOption::Target::address) return option;
  const DeliveryValues sample{"a@b", "a", "s", "b", "b", "a", "a", "o=x", "o=x", "f", "p", "r"};
  if (auto tried = fill_delivery_template(option.address_template, sample); !tried)
    return wrap(tried.error(), "DELIVERY_OPTIONS: " + option.name);
  return option;
}

}  // namespace

Result<DeliveryOptions> DeliveryOptions::parse(std::string_view text) {
  DeliveryOptions result;
  for (const auto clause : split(text, ',')) {
    if (trim(clause).empty()) continue;
    TRY(auto option, parse_clause(clause));
    if (result.find(option.name))
      return permanent("DELIVERY_OPTIONS: " + printable(option.name) + " is there twice");
    result.options_.push_back(std::move(option));
  }
  return result;
}

const DeliveryOption* DeliveryOptions::find(std::string_view name) const {
  const auto found =
      std::ranges::find_if(options_, [&](const auto& each) { return iequals(each.name, name); });
  return found == options_.end() ? nullptr : &*found;
}

}  // namespace waxwing::mta
