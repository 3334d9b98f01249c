#include "imapd/parse/mailbox_name.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/mail/modified_utf7.h"

namespace waxwing::imap {
namespace {

constexpr std::string_view kInbox = "INBOX";

// "inbox" and "inbox/..." get their one spelling.
void capitalize_inbox(std::string& name) {
  if (!istarts_with(name, kInbox)) return;
  if (name.size() > kInbox.size() && name[kInbox.size()] != '/') return;
  name.replace(0, kInbox.size(), kInbox);
}

Result<std::string> decode(std::string_view wire, bool utf8) {
  const bool eight_bit =
      std::ranges::any_of(wire, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  if (utf8) {
    if (!is_utf8(wire)) return permanent("the mailbox name is not valid UTF-8");
    return std::string(wire);
  }
  if (eight_bit) return permanent("8-bit characters in a mailbox name need ENABLE IMAP4rev2");
  auto name = mail::from_modified_utf7(wire);
  if (!name) return permanent("the mailbox name is not valid modified UTF-7");
  return *std::move(name);
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

}  // namespace

Result<std::string> mailbox_name(std::string_view wire, bool utf8, const NameLimits& limits) {
  TRY(auto name, decode(wire, utf8));
  if (name.size() > 1 && name.ends_with('/')) name.pop_back();
  if (name.empty()) return permanent("the mailbox name is empty");
  if (name.size() > limits.bytes)
    return permanent("the mailbox name is longer than " + std::to_string(limits.bytes) + " bytes");
  if (std::ranges::any_of(name, is_control)) return permanent("the mailbox name holds control characters");
  const auto levels = split(name, '/');
  if (levels.size() > limits.levels)
    return permanent("the mailbox name has more than " + std::to_string(limits.levels) + " levels");
  for (const auto level : levels)
    if (level.empty() || level == "." || level == "..")
      return permanent("the mailbox name has an empty level, or one that is . or ..");
  capitalize_inbox(name);
  return name;
}

Result<std::string> mailbox_pattern(std::string_view wire, bool utf8) {
  TRY(auto pattern, decode(wire, utf8));
  capitalize_inbox(pattern);
  return pattern;
}

std::string wire_name(std::string_view name, bool utf8) {
  if (utf8) return std::string(name);
  // A stored name that is no UTF-8 is shown as it is rather than hidden.
  return mail::to_modified_utf7(name).value_or(std::string(name));
}

std::string_view parent_of(std::string_view name) {
  const auto slash = name.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : name.substr(0, slash);
}

}  // namespace waxwing::imap
