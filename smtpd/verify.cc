// VRFY and EXPN, as the channel keywords and the option file allow.
#include "common/base/strings.h"
#include "common/directory/patiently.h"
#include "mta/address/resolve.h"
#include "smtpd/session.h"

namespace waxwing::smtpd {

using mta::Kw;

namespace {
constexpr std::size_t kMostNames = 100;

// "<a@b>", "a@b" or "a": what people type after VRFY.
std::string plain_address(std::string_view argument) {
  if (argument.starts_with('<') && argument.ends_with('>'))
    argument = argument.substr(1, argument.size() - 2);
  return std::string(argument);
}

Task<Result<mta::ResolveOutcome>> resolve(Server& server, const mta::MtaConfig& config,
                                          mta::ResolveRequest request) {
  auto ask = [&](directory::Ask patience) {
    const mta::Lookup lookup{config, &server.submitter()->view(), patience};
    return mta::resolve_recipient(lookup, request);
  };
  auto outcome = co_await directory::patiently(server.workers(), ask);
  co_return outcome;
}
}  // namespace

Task<void> Session::vrfy(std::string_view argument) {
  if (argument.empty()) {
    bad_command({501, "5.5.4", "Syntax: VRFY address"});
    co_return;
  }
  const bool vague =
      channel_->is(Kw::vrfyhide) || (!channel_->is(Kw::vrfyallow) && settings_->options.hide_verify);
  if (vague) {
    reply({252, "2.1.5", "Cannot say; send a message to find out"});
    co_return;
  }
  mta::ResolveRequest request;
  request.address = plain_address(argument);
  request.source = channel_;
  const std::string address = request.address;
  auto outcome = co_await resolve(*server_, *settings_->config, std::move(request));
  if (!outcome) {
    reply({451, "4.3.0", "Cannot say now, try again later"});
  } else if (!*outcome) {
    reply({outcome->error().code, outcome->error().status, outcome->error().text});
  } else if ((**outcome).recipients.size() == 1 && (**outcome).recipients[0].mailbox.empty()) {
    // Another host's address: known to be routable, no more.
    reply({252, "2.1.5", "Cannot say; send a message to find out"});
  } else {
    reply({250, "2.1.5", "<" + printable(address) + ">"});
  }
}

Task<void> Session::expn(std::string_view argument) {
  const bool allowed =
      channel_->is(Kw::expnallow) || (!channel_->is(Kw::expndisable) && !settings_->options.disable_expand);
  if (!allowed) {
    bad_command({502, "5.7.2", "EXPN is not allowed here"});
    co_return;
  }
  if (argument.empty()) {
    bad_command({501, "5.5.4", "Syntax: EXPN list"});
    co_return;
  }
  mta::ResolveRequest request;
  request.address = plain_address(argument);
  request.source = channel_;
  request.expand = true;
  auto outcome = co_await resolve(*server_, *settings_->config, std::move(request));
  if (!outcome) {
    reply({451, "4.3.0", "Cannot say now, try again later"});
    co_return;
  }
  if (!*outcome) {
    reply({outcome->error().code, outcome->error().status, outcome->error().text});
    co_return;
  }
  std::string names;
  std::size_t count = 0;
  for (const auto& recipient : (**outcome).recipients) {
    if (++count > kMostNames) break;
    names += (names.empty() ? "<" : "\n<") + printable(recipient.expanded) + ">";
  }
  reply({250, "2.1.5", names.empty() ? "(empty list)" : names});
}

}  // namespace waxwing::smtpd
