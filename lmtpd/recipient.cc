#include "lmtpd/recipient.h"

#include "common/base/space.h"
#include "common/base/strings.h"
#include "common/log/log.h"
#include "common/mail/address.h"
#include "store/store.h"

namespace waxwing::lmtp {

using directory::Ask;
using directory::Directory;
using directory::UserRef;
using mta::Verdict;

namespace {

// Who an address belongs to: by mail address first, then by login name.
Result<directory::Match> owner(Directory& directory, const std::string& address, Ask ask) {
  TRY(const auto match, directory.by_address(address, ask));
  if (match->found() || match->domain == nullptr) return *match;
  TRY(auto user, directory.user_by_login(address, ask));
  auto answer = *match;
  answer.user = std::move(user);
  return answer;
}

// Nothing when mail may come.
std::optional<Verdict> refusal(const directory::User& user, const RecipientRules& rules) {
  using directory::Status;
  switch (user.status) {
    case Status::active:
      break;
    case Status::inactive:
    case Status::hold:
      return Verdict{451, "4.2.1", "The mailbox takes no mail at present"};
    case Status::overquota:
      return Verdict{452, "4.2.2", "The mailbox is full"};
    case Status::disabled:
      return Verdict{550, "5.2.1", "The mailbox is disabled"};
    case Status::deleted:
    case Status::removed:
    case Status::unused:
      return Verdict{550, "5.1.1", "There is no such mailbox"};
  }
  // A mailbox made here by mistake would hide the mail from its owner.
  if (!user.mail_host.empty() && !iequals(user.mail_host, rules.host))
    return Verdict{451, "4.3.5", "The mailbox is on host " + user.mail_host};
  return std::nullopt;
}

std::int64_t limit(std::int64_t of_user, std::int64_t by_default) {
  return of_user == directory::kSystemDefault ? by_default : of_user;
}

Resolution target_of(const UserRef& user, const std::string& folder, const RecipientRules& rules) {
  if (auto no = refusal(*user, rules)) return std::unexpected(std::move(*no));
  store::DeliveryTarget target;
  target.user = user->store_name;
  if (!folder.empty())
    if (const auto name = store::MailboxName::make(user->store_name, folder)) target.folder = name->folder;
  target.limit.bytes = limit(user->quota_bytes, rules.default_quota.bytes);
  target.limit.messages = limit(user->message_quota, rules.default_quota.messages);
  return target;
}

}  // namespace

Result<Resolution> resolve_recipient(Directory& directory, std::string_view address,
                                     const RecipientRules& rules, Ask ask) {
  const auto spec = mail::parse_addr_spec(address);
  if (!spec) return Resolution(std::unexpect, Verdict{501, "5.1.3", spec.error().text});
  const auto at_domain = spec->domain.empty() ? std::string() : "@" + spec->domain;
  auto match = owner(directory, spec->local_part + at_domain, ask);
  std::string folder;
  const auto plus = spec->local_part.find('+');
  if (match && !match->found() && plus != std::string::npos && plus > 0) {
    folder = spec->local_part.substr(plus + 1);
    match = owner(directory, spec->local_part.substr(0, plus) + at_domain, ask);
  }
  if (!match) {
    if (directory::is_would_block(match.error())) return std::unexpected(match.error());
    log::Event("lmtp.directory.failed").with("rcpt", address).with("error", match.error().text).warning();
    return Resolution(std::unexpect, Verdict{451, "4.3.0", "The directory does not answer, try again later"});
  }
  if (match->user) return target_of(match->user, folder, rules);
  if (match->group) return Resolution(std::unexpect, Verdict{550, "5.7.1", "That is a group, not a mailbox"});
  if (match->domain) return Resolution(std::unexpect, Verdict{550, "5.1.1", "There is no such mailbox"});
  return Resolution(std::unexpect, Verdict{550, "5.1.2", "That domain is not served here"});
}

const Verdict kNoSpace{452, "4.3.1", "Insufficient system storage, try again later"};

Verdict verdict_of(const Error& error) {
  if (is_no_space(error)) return kNoSpace;
  return {451, "4.3.0", "The message cannot be stored now, try again later"};
}

Verdict verdict_of(const store::DeliveryResult& result) {
  using store::Delivered;
  switch (result.outcome) {
    case Delivered::ok:
    case Delivered::repeated:
      return {250, "2.1.5", "Delivered"};
    case Delivered::no_space:
      return kNoSpace;
    case Delivered::over_quota:
      return {452, "4.2.2", "The mailbox is full"};
    case Delivered::never_fits:
      return {552, "5.2.2", "The message is larger than the mailbox's quota"};
    case Delivered::permanent:
      return {554, "5.2.0", "The message cannot be stored: " + result.text};
    case Delivered::temporary:
      break;
  }
  return {451, "4.3.0", "The message cannot be stored now, try again later"};
}

}  // namespace waxwing::lmtp
