#include "mta/notify/disposition_request.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/mail/address.h"
#include "common/mail/parameters.h"

namespace waxwing::mta::notify {

namespace {
constexpr const char* kAsks = "Disposition-Notification-To";
constexpr std::size_t kMostAddresses = 20;

bool same_mailbox(const mail::AddrSpec& one, const mail::AddrSpec& other) {
  return one.local_part == other.local_part && iequals(one.domain, other.domain);
}

// Disposition-Notification-Options: name=importance,value; ...
bool requires_something(const mail::HeaderBlock& header) {
  return std::ranges::any_of(header.fields(), [](const mail::HeaderField& field) {
    if (!iequals(field.name, "Disposition-Notification-Options")) return false;
    const auto value = mail::unfold(field.value);
    for (std::string_view rest = value; !rest.empty();) {
      auto parameter = take_until(rest, ';');
      take_until(parameter, '=');
      if (iequals(trim(take_until(parameter, ',')), "required")) return true;
    }
    return false;
  });
}

bool is_bulk(const mail::HeaderBlock& header) {
  if (const auto said = header.value("Precedence")) {
    const auto word = to_lower(trim(mail::unfold(*said)));
    if (word == "bulk" || word == "list" || word == "junk") return true;
  }
  return std::ranges::any_of(
      header.fields(), [](const mail::HeaderField& field) { return istarts_with(field.name, "List-"); });
}

// The one address that all fields name; empty: none, or several.
mail::AddrSpec only_address(const mail::HeaderBlock& header) {
  mail::AddrSpec only;
  for (const auto& field : header.fields()) {
    if (!iequals(field.name, kAsks)) continue;
    const auto list = mail::parse_address_list(field.value, {.max_addresses = kMostAddresses});
    if (!list.well_formed || list.truncated) return {};
    for (const auto& item : list.items) {
      if (item.kind != mail::Address::Kind::mailbox) return {};
      if (!only.empty() && !same_mailbox(only, item.spec)) return {};
      only = item.spec;
    }
  }
  return only;
}
}  // namespace

bool is_report(const mail::HeaderBlock& header) {
  const auto type = mail::parse_parameters(header.value("Content-Type").value_or(""));
  if (!iequals(type.value, "multipart/report")) return false;
  const auto kind = type.get("report-type");
  return kind.empty() || iequals(kind, "disposition-notification") || iequals(kind, "delivery-status");
}

bool is_automatic(const mail::HeaderBlock& header) {
  const auto value = header.value("Auto-Submitted");
  return (value && !istarts_with(trim(mail::unfold(*value)), "no")) || is_report(header);
}

bool asks_for_disposition(const mail::HeaderBlock& header) {
  return header.find(kAsks) != nullptr;
}

DispositionRequest automatic_request(const mail::HeaderBlock& header, std::string_view envelope_from) {
  if (!asks_for_disposition(header)) return {"", "the message asks for none"};
  if (is_automatic(header)) return {"", "a program sent the message"};
  if (is_bulk(header)) return {"", "the message is for many"};
  if (envelope_from.empty()) return {"", "the sender is empty"};
  const auto to = only_address(header);
  if (to.empty() || to.domain.empty()) return {"", "Disposition-Notification-To: is not one address"};
  const auto from = mail::parse_addr_spec(envelope_from);
  if (!from || !same_mailbox(to, *from))
    return {"", "Disposition-Notification-To: is another address than the envelope From"};
  if (requires_something(header))
    return {"", "Disposition-Notification-Options: requires what is not known here"};
  return {to.text(), ""};
}

}  // namespace waxwing::mta::notify
