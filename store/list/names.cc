// Mailbox names: user/<uid>[@domain]/<folder>.
#include <algorithm>

#include "common/base/strings.h"
#include "store/detail/errors.h"
#include "store/store.h"

namespace waxwing::store {

namespace {
constexpr std::size_t kMaxNameBytes = 1000;

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}
}  // namespace

Result<MailboxName> MailboxName::make(std::string_view user, std::string_view folder) {
  const auto refuse = [&](std::string_view why) {
    return fail_permanently(
        Code::cannot, "mailbox name " + printable("user/" + std::string(user) + "/" + std::string(folder)) +
                          ": " + std::string(why));
  };
  if (user.empty() || user.size() > 512) return refuse("the user must have 1 to 512 bytes");
  if (user.find('/') != std::string_view::npos) return refuse("a user has no '/'");
  if (folder.empty() || folder.size() > kMaxNameBytes) return refuse("the folder must have 1 to 1000 bytes");
  if (has_control(user) || has_control(folder)) return refuse("control characters are not allowed");
  if (!is_utf8(user) || !is_utf8(folder)) return refuse("it is not UTF-8");
  if (folder.front() == '/' || folder.back() == '/' || folder.find("//") != std::string_view::npos)
    return refuse("a level is empty");
  MailboxName name{std::string(user), std::string(folder)};
  const auto first = folder.substr(0, folder.find('/'));
  if (iequals(first, "INBOX")) name.folder.replace(0, first.size(), "INBOX");
  return name;
}

Result<MailboxName> MailboxName::parse(std::string_view text) {
  constexpr std::string_view kPrefix = "user/";
  const auto slash = text.find('/', kPrefix.size());
  if (!text.starts_with(kPrefix) || slash == std::string_view::npos)
    return fail_permanently(Code::cannot, "mailbox name " + printable(text) + ": write user/<uid>/<folder>");
  return make(text.substr(kPrefix.size(), slash - kPrefix.size()), text.substr(slash + 1));
}

}  // namespace waxwing::store
