// ETRN (RFC 1985): a host asks for the mail that is queued for it. Deliveries go where they always go, so who
// asks need not be who receives: a stranger can only make them begin earlier.
#include <fmt/format.h>

#include "common/base/strings.h"
#include "common/directory/patiently.h"
#include "common/log/log.h"
#include "common/net/seqpacket.h"
#include "mta/address/rewrite.h"
#include "mta/policy/access.h"
#include "smtpd/session.h"

namespace waxwing::smtpd {

using mta::Kw;

namespace {

// "node", "@domain" (and all below it) or "#channel".
struct Wanted {
  char form = ' ';
  std::string name;
};
using WantedOrRefusal = std::expected<Wanted, Verdict>;

WantedOrRefusal parse_wanted(std::string_view argument) {
  Wanted wanted;
  if (argument.starts_with('@') || argument.starts_with('#')) {
    wanted.form = argument[0];
    argument.remove_prefix(1);
  }
  wanted.name = to_lower(trim(argument));
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789.-_$[]:";
  if (wanted.name.empty() || wanted.name.size() > 255 ||
      wanted.name.find_first_not_of(kAllowed) != std::string::npos)
    return std::unexpected(Verdict{501, "5.5.4", "Syntax: ETRN host, ETRN @domain or ETRN #channel"});
  return wanted;
}

// Which channel the domain's mail goes to, and by which host's name it waits there.
Task<std::optional<Record>> route(Server& server, const mta::MtaConfig& config, const mta::Channel* source,
                                  const Wanted& wanted) {
  Record call("call");
  if (wanted.form == '#') co_return std::move(call.set("channel", wanted.name));
  mta::RewriteRequest request;
  request.local = "postmaster";
  request.domain = wanted.name;
  request.source = source;
  auto ask = [&](directory::Ask patience) {
    return mta::rewrite({config, &server.submitter()->view(), patience}, request);
  };
  auto rewritten = co_await directory::patiently(server.workers(), ask);
  if (!rewritten || !*rewritten) co_return std::nullopt;
  call.set("channel", (**rewritten).channel->name());
  call.set("host", (wanted.form == '@' ? "@" : "") + (**rewritten).host);
  co_return std::move(call);
}

// What ETRN_ACCESS says against it.
Task<std::optional<Verdict>> denial(Server& server, const mta::MtaConfig& config,
                                    const mta::AccessSession& session, const mta::Channel* source,
                                    std::string_view asked) {
  auto ask = [&](directory::Ask patience) {
    const mta::Lookup lookup{config, &server.submitter()->view(), patience};
    return mta::check_etrn_access(lookup, session, source->name(), asked);
  };
  auto verdict = co_await directory::patiently(server.workers(), ask);
  if (!verdict) co_return Verdict{458, "4.3.5", "Unable to queue messages: try again later"};
  if (!verdict->syslog.empty())
    log::Event("smtp.etrn.access").with("probe", verdict->probe).with("text", verdict->syslog).notice();
  if (verdict->ok()) co_return std::nullopt;
  const bool later = verdict->action == mta::AccessVerdict::Action::temporary;
  co_return Verdict{later ? 458 : 459, verdict->status, verdict->text};
}

}  // namespace

bool Session::etrn_offered() const {
  return channel_->is(Kw::allowetrn) || channel_->is(Kw::domainetrn) || channel_->is(Kw::silentetrn);
}

std::optional<Verdict> Session::may_etrn(bool whole_channel) {
  if (channel_->is(Kw::domainetrn) && whole_channel)
    return Verdict{459, "5.7.1", "Not allowed: name a host or a domain"};
  if (++counts_.etrns > settings_->options.allow_etrns_per_session)
    return Verdict{458, "4.7.1", "Unable to queue messages: too often in this session"};
  return std::nullopt;
}

Task<void> Session::etrn(std::string_view argument) {
  if (!etrn_offered() || in_transaction()) {
    bad_command(in_transaction() ? Verdict{503, "5.5.1", "Not within a transaction"}
                                 : Verdict{502, "5.5.1", "ETRN is not offered"});
    co_return;
  }
  const auto wanted = parse_wanted(argument);
  auto refused = wanted ? may_etrn(wanted->form == '#') : wanted.error();
  if (refused) {
    bad_command(std::move(*refused));
    co_return;
  }
  const auto access = mta::access_session(source());
  auto denied = co_await denial(*server_, *settings_->config, access, channel_, argument);
  if (denied) {
    bad_command(std::move(*denied));
    co_return;
  }
  record_connection('I', argument);
  auto call = co_await route(*server_, *settings_->config, channel_, *wanted);
  if (!call) {
    reply({459, "5.1.2", "Not allowed: nothing goes to " + wanted->name + " from here"});
    co_return;
  }
  call->set("by", peer_address_);
  const auto path = server_->submitter()->daemon().config()->path_of("run/job_controller");
  auto answer = co_await server_->workers().run([&] { return ask(path, *call); });
  log::Event("smtp.etrn")
      .with("session", sid_)
      .with("for", argument)
      .with("channel", call->get("channel"))
      .with("units", answer ? answer->number("units") : -1)
      .information();
  if (!answer || answer->is("error"))
    reply({458, "4.3.0", "Unable to queue messages for " + wanted->name});
  else if (channel_->is(Kw::silentetrn))
    reply({250, "2.0.0", "Ok, queuing started"});
  else if (answer->number("units") == 0)
    reply({251, "2.0.0", "Ok, no messages waiting for " + wanted->name});
  else
    reply({253, "2.0.0",
           fmt::format("Ok, {} pending messages for {} started, channel {}", answer->number("units"),
                       wanted->name, call->get("channel"))});
}

}  // namespace waxwing::smtpd
