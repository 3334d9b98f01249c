#include "tools/mboxutil/pattern.h"

#include <re2/re2.h>

#include "common/mail/modified_utf7.h"

namespace waxwing {

namespace {
std::string to_regex(std::string_view glob) {
  std::string regex;
  for (const char c : glob) {
    if (c == '*')
      regex += ".*";
    else if (c == '%')
      regex += "[^/]*";
    else
      regex += RE2::QuoteMeta(std::string(1, c));
  }
  return regex;
}
std::string decoded(const std::string& glob) {
  return mail::from_modified_utf7(glob).value_or(glob);
}
}  // namespace

Result<std::function<bool(std::string_view)>> mailbox_matcher(const std::string& glob,
                                                              const std::string& regex) {
  if (glob.empty() && regex.empty()) return [](std::string_view) { return true; };
  const auto text = regex.empty() ? to_regex(decoded(glob)) : regex;
  RE2::Options options(RE2::Quiet);
  // A byte of a longer character is quoted on its own.
  options.set_encoding(regex.empty() ? RE2::Options::EncodingLatin1 : RE2::Options::EncodingUTF8);
  auto compiled = std::make_shared<const RE2>(text, options);
  if (!compiled->ok()) return permanent("bad regular expression " + text + ": " + compiled->error());
  return [compiled](std::string_view name) {
    return RE2::FullMatch(re2::StringPiece(name.data(), name.size()), *compiled);
  };
}

std::string literal_prefix(const std::string& glob) {
  const auto text = decoded(glob);
  return text.substr(0, text.find_first_of("*%"));
}

}  // namespace waxwing
