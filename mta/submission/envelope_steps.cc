// MAIL and RCPT: from what a peer says to destinations.
#include <fmt/format.h>

#include <algorithm>

#include "common/base/random.h"
#include "common/base/space.h"
#include "common/base/strings.h"
#include "common/directory/patiently.h"
#include "common/log/log.h"
#include "mta/address/srs.h"
#include "mta/config/postmaster.h"
#include "mta/policy/greylist.h"
#include "mta/policy/user_limits.h"
#include "mta/submission/detail/detours.h"
#include "mta/submission/detail/state.h"

namespace waxwing::mta {

namespace {
constexpr std::int64_t kLongestDelayMs = 60000;
const Verdict kComeAgain{451, "4.7.1", "Not known here yet, try again in a few minutes"};

// Everything RCPT asks of configuration and directory, repeatable as a whole.
struct Looked {
  Resolution resolution;
  std::vector<AccessVerdict> access;  // beside resolution.recipients
  bool greylisted = false;
};
using LookedUp = std::expected<Looked, AddressProblem>;

bool asks(const std::string& notify, std::string_view word) {
  return ifind(notify, word) != std::string::npos;
}

// Of strangers only, and for recipients that would be taken: nobody fills the table with addresses there are not.
bool is_new_here(const Submission::Inner& inner, const std::vector<AccessVerdict>& access) {
  return inner.channel->is(Kw::grey) && inner.source.auth_user.empty() &&
         (access.empty() || std::ranges::any_of(access, &AccessVerdict::ok));
}

Result<LookedUp> look_up(const Lookup& lookup, const Submission::Inner& inner, const ResolveRequest& request,
                         const RecipientOptions& options) {
  TRY(auto outcome, resolve_recipient(lookup, request));
  if (!outcome) return LookedUp(std::unexpected(std::move(outcome.error())));
  Looked looked{std::move(*outcome), {}};
  if (inner.source.internal) {
    looked.access.resize(looked.resolution.recipients.size());
    return LookedUp(std::move(looked));
  }
  const AccessNotify notify{asks(options.notify, "SUCCESS"), asks(options.notify, "FAILURE"),
                            asks(options.notify, "DELAY")};
  const auto original = options.original.empty() ? "rfc822;" + request.address : options.original;
  for (const auto& recipient : looked.resolution.recipients) {
    const RecipientAccess access{inner.source.channel,
                                 inner.sender,
                                 recipient.channel,
                                 recipient.rewritten,
                                 recipient.expanded,
                                 original,
                                 notify,
                                 recipient.rewritten_channel,
                                 inner.asked,
                                 std::ssize(inner.given),
                                 std::ssize(looked.access) + 1,
                                 inner.given_sender};
    TRY_VOID(check_recipient_access(lookup, inner.session, access, looked.access.emplace_back()));
  }
  if (is_new_here(inner, looked.access)) {
    const auto pieces = split(inner.session.port_probe, '|');
    TRY(looked.greylisted,
        is_greylisted(lookup, pieces.size() > 3 ? pieces[3] : "", inner.given_sender, request.address));
  }
  return LookedUp(std::move(looked));
}

}  // namespace

void log_member_problems(const Submission::Inner& inner, const std::string& address,
                         const Resolution& resolution) {
  for (const auto& problem : resolution.member_problems)
    log::Event("mta.member.refused")
        .with("qid", inner.queue_id)
        .with("list", address)
        .with("member", problem.address)
        .with("reason", problem.text)
        .warning();
  if (resolution.problem_count > resolution.member_problems.size())
    log::Event("mta.members.refused")
        .with("qid", inner.queue_id)
        .with("list", address)
        .with("count", static_cast<std::int64_t>(resolution.problem_count))
        .warning();
}

Task<void> access_delay(std::int64_t delay_ms) {
  if (delay_ms <= 0) co_return;
  co_await EventLoop::current()->sleep(std::min(delay_ms, kLongestDelayMs));
}

AccessSession access_session(const Source& source) {
  AccessSession session;
  session.port_probe = source.transport_info;
  session.application = source.application_info;
  session.submit_type = "MAIL";
  session.auth_sender = source.auth_address;
  session.sasl = !source.auth_user.empty();
  session.tls = source.tls;
  session.esmtp = source.esmtp;
  session.lmtp = source.lmtp;
  return session;
}

// Refused or not, it may want a word in the log and patience; the rest is about the message as a whole.
void Submission::Inner::note(const AccessVerdict& access) {
  if (!access.syslog.empty())
    log::Event("mta.access")
        .with("qid", queue_id)
        .with("sid", source.session_id)
        .with("table", access.table)
        .with("text", access.syslog)
        .notice();
  if (access.debug_level > 0 && !debug) debug = std::make_unique<LoggedTrace>(queue_id);
  if (!access.delay_this_command_only) delay_ms = std::max(delay_ms, access.delay_ms);
  refusing_table = access.ok() ? "" : access.table;
  if (!access.ok()) return;
  if (access.action != AccessVerdict::Action::accept)
    filter_note = std::string(access.action == AccessVerdict::Action::hold ? "hold" : "discard") + " by " +
                  access.table;
  for (const auto& line : access.header_lines) add_header(line);
  if (!access.new_sender.empty()) add_header("Sender: " + access.new_sender);
  if (!access.prefix_tag.empty()) subject_tag = access.prefix_tag;
  lower_limits(access.block_limit, access.recipient_limit, access.recipient_cutoff);
}

void Submission::Inner::lower_limits(std::int64_t blocks, std::int64_t recipients, std::int64_t cutoff) {
  const auto lower_to = [](auto& limit, std::int64_t value) {
    using Limit = std::remove_reference_t<decltype(limit)>;
    if (value > 0 && (limit == 0 || static_cast<Limit>(value) < limit)) limit = static_cast<Limit>(value);
  };
  lower_to(recipient_limit, recipients);
  lower_to(recipient_cutoff, cutoff);
  lower_to(size_limit, blocks * config->options().number(Opt::BLOCK_SIZE));
}

// Once, however many recipients ask for it.
void Submission::Inner::add_header(const std::string& line) {
  if (extra_header.find(line + "\r\n") == std::string::npos) extra_header += line + "\r\n";
}

void LoggedTrace::say(const std::string& line) {
  log::Event("mta.debug").with("qid", queue_id_).with("line", line).information();
}

Verdict Submission::Inner::too_large() const {
  return {552, "5.3.4", fmt::format("{} ({} bytes)", source.size_error_text, size_limit)};
}

Verdict verdict_of(const Error& error) {
  if (is_no_space(error)) return {452, "4.3.1", "Insufficient system storage, try again later"};
  return {451, "4.3.0", "Temporary failure here, try again later"};
}

Verdict verdict_of(const AddressProblem& problem) {
  return {problem.code, problem.status, problem.text};
}

Verdict verdict_of(const AccessVerdict& access) {
  const bool later = access.action == AccessVerdict::Action::temporary;
  Verdict verdict{access.code >= 400 ? access.code : (later ? 450 : 550), access.status, access.text};
  if (verdict.status.empty()) verdict.status = verdict.code < 500 ? "4.7.1" : "5.7.1";
  if (verdict.text.empty()) verdict.text = "Refused by policy";
  return verdict;
}

namespace {
void complete(std::string& address, const Source& source) {
  if (!source.remote_host.empty() && !address.empty() && address.find('@') == address.npos)
    (address += '@') += source.remote_host;
}
}  // namespace

Task<Verdict> Submission::sender(std::string address, SenderOptions options) {
  complete(address, inner_->source);
  if (inner_->config) inner_ = std::make_unique<Inner>(inner_->submitter, std::move(inner_->source));
  Inner& inner = *inner_;
  inner.config = inner.submitter->config();
  inner.channel = inner.config->channel(inner.source.channel);
  if (!inner.channel) {
    log::Event("mta.channel.unknown").with("channel", inner.source.channel).error();
    co_return Verdict{451, "4.3.5", "Server configuration error"};
  }
  inner.queue_id = unique_id();
  inner.options = std::move(options);
  inner.size_limit = inner.source.internal ? 0 : inner.submitter->size_limit(*inner.config, *inner.channel);
  if (inner.is_too_large(inner.options.size_bytes)) co_return inner.too_large();
  ResolveRequest request;
  inner.given_sender = address;
  request.address = std::move(address);
  request.source = inner.channel;
  request.auth_sender = inner.source.auth_address;
  request.submission = inner.source.submission;
  AccessVerdict access;
  UserLimits limits;
  inner.session = access_session(inner.source);
  auto ask = [&](directory::Ask patience) -> Result<std::expected<std::string, AddressProblem>> {
    const Lookup lookup{*inner.config, &inner.submitter->view(), patience};
    TRY(auto resolved, resolve_sender(lookup, request));
    if (resolved && !resolved->empty() && inner.channel->is(Kw::sourcesrs)) {
      TRY(inner.srs, wants_srs(lookup, *resolved));
    }
    if (!resolved || inner.source.internal) return resolved;
    TRY(limits, user_limits(lookup, inner.source.auth_address));
    TRY(access, check_from_access(lookup, inner.session, inner.source.channel, *resolved));
    return resolved;
  };
  auto resolved = co_await directory::patiently(inner.workers(), ask);
  if (!resolved) {
    log::Event("mta.sender.failed")
        .with("from", request.address)
        .with("error", resolved.error().text)
        .warning();
    co_return verdict_of(resolved.error());
  }
  if (!*resolved) co_return verdict_of(resolved->error());
  inner.note(access);
  inner.no_vacation = access.no_vacation;
  inner.lower_limits(limits.blocks, limits.recipients, limits.cutoff);
  if (access.delay_ms > 0) co_await access_delay(access.delay_ms);
  if (!access.ok()) co_return verdict_of(access);
  if (inner.is_too_large(inner.options.size_bytes)) co_return inner.too_large();
  inner.sender = access.new_from.empty() ? std::move(**resolved) : access.new_from;
  if (access.action == AccessVerdict::Action::hold) inner.hold_reason = "held by FROM_ACCESS";
  inner.tags = join(access.conversion_tags, ",");
  if (access.action == AccessVerdict::Action::discard || access.action == AccessVerdict::Action::discard_all)
    inner.discard = true;
  co_return Verdict{250, "2.1.0", "Sender ok"};
}

Task<Verdict> Submission::recipient(std::string address, RecipientOptions options) {
  Inner& inner = *inner_;
  if (!inner.config) co_return Verdict{503, "5.5.1", "Sender first"};
  if (!iequals(address, "postmaster")) complete(address, inner.source);
  ++inner.asked;
  if (inner.recipient_limit > 0 && std::ssize(inner.given) >= inner.recipient_limit)
    co_return Verdict{452, "4.5.3", "Too many recipients in one message"};
  ResolveRequest request;
  request.address = std::move(address);
  request.source = inner.channel;
  request.envelope_from = inner.sender;
  request.auth_sender = inner.source.auth_address;
  request.size_bytes = inner.options.size_bytes;
  request.submission = inner.source.submission;
  request.lists = Lists::defer;
  if (inner.config->options().flag(Opt::INCLUDE_CONNECTIONINFO))
    request.connection = inner.source.transport_info + "|" + inner.source.application_info + "|";
  const auto limit = inner.channel->number(Kw::expandlimit, 0);
  request.postpone = limit > 0 && std::ssize(inner.given) >= limit;
  auto verdict = co_await inner.resolve(std::move(request), std::move(options));
  co_return verdict;
}

Task<Verdict> Submission::Inner::resolve(ResolveRequest request, RecipientOptions recipient_options) {
  auto ask = [&](directory::Ask patience) {
    const Lookup lookup{*config, &submitter->view(), patience, debug.get()};
    return look_up(lookup, *this, request, recipient_options);
  };
  auto outcome = co_await directory::patiently(workers(), ask);
  if (!outcome) {
    log::Event("mta.recipient.failed")
        .with("qid", queue_id)
        .with("to", request.address)
        .with("error", outcome.error().text)
        .warning();
    co_return verdict_of(outcome.error());
  }
  if (!*outcome) {
    const auto refusal = verdict_of(outcome->error());
    const bool may_wait = request.lists == Lists::defer && !refusal.temporary();
    if (!may_wait || !take_for_later(request.address, recipient_options)) co_return refusal;
    given.push_back(std::move(request.address));
    co_return Verdict{250, "2.1.5", "Recipient ok"};
  }
  Looked& looked = **outcome;
  log_member_problems(*this, request.address, looked.resolution);
  auto delay = delay_ms;
  for (const auto& access : looked.access) {
    note(access);
    delay = std::max(delay, access.delay_ms);
  }
  if (delay > 0) co_await access_delay(delay);
  if (looked.greylisted) {
    refusing_table = "greylist";
    co_return kComeAgain;
  }
  if (looked.resolution.list) {
    given.push_back(request.address);
    list.emplace(std::move(request), std::move(recipient_options), std::move(*looked.resolution.list));
    co_return Verdict{250, "2.1.5", "Recipient ok"};
  }
  std::optional<Verdict> refusal;
  bool accepted = false;
  for (std::size_t i = 0; i < looked.resolution.recipients.size(); ++i) {
    auto taken = take(std::move(looked.resolution.recipients[i]), looked.access[i], request.address,
                      recipient_options);
    if (taken.ok())
      accepted = true;
    else if (!refusal)
      refusal = std::move(taken);
  }
  if (!accepted && refusal) co_return std::move(*refusal);
  given.push_back(std::move(request.address));
  co_return Verdict{250, "2.1.5", "Recipient ok"};
}

namespace {
std::string key_of(const Recipient& recipient) {
  std::string key;
  key.reserve(recipient.channel.size() + recipient.address.size() + recipient.folder.size() + 2);
  key.append(recipient.channel).append("\n").append(recipient.address).append("\n");
  return key.append(recipient.folder);
}
}  // namespace

// acceptalladdresses: the process channel finds out what is wrong, and tells the sender.
bool Submission::Inner::take_for_later(const std::string& address,
                                       const RecipientOptions& recipient_options) {
  const Channel* process = config->channel("process");
  if (source.internal || !channel->is(Kw::acceptalladdresses) || !process) return false;
  Recipient later;
  later.channel = process->name();
  later.host = process->tag();
  later.address = later.rewritten = later.expanded = address;
  return take(std::move(later), {}, address, recipient_options).ok();
}

Verdict Submission::Inner::take(Recipient&& recipient, const AccessVerdict& access,
                                const std::string& given_address, const RecipientOptions& recipient_options) {
  if (!access.ok()) return verdict_of(access);
  const Channel* to = config->channel(recipient.channel);
  if (to && to->is(Kw::blocklimit) && !list) {
    const auto limit =
        static_cast<std::uint64_t>(to->number(Kw::blocklimit, 0) * config->options().number(Opt::BLOCK_SIZE));
    if (limit && options.size_bytes > limit)
      return {552, "5.3.4",
              fmt::format("Message size exceeds the limit of {} bytes for this recipient", limit)};
    if (limit && (size_limit == 0 || limit < size_limit)) size_limit = limit;
  }
  if (to && to->is(Kw::linelimit) && !list) lower_line_limit(to->number(Kw::linelimit, 0));
  if (to && to->given(Kw::alternatelinelimit)) counts_lines = true;
  if (access.action == AccessVerdict::Action::discard_all) discard = true;
  if (access.action == AccessVerdict::Action::discard) return {250, "2.1.5", "Recipient ok"};
  if (!list && !known.insert(key_of(recipient)).second) return {250, "2.1.5", "Recipient ok"};
  recipient.tags = tags_of(*this, recipient, access);
  Destination& destination = destinations.emplace_back();
  destination.held = recipient.hold || access.action == AccessVerdict::Action::hold;
  destination.no_vacation = no_vacation || access.no_vacation || recipient_options.no_vacation;
  destination.envelope_from = sender;
  if (!access.new_from.empty()) destination.envelope_from = access.new_from;
  destination.original =
      recipient_options.original.empty() ? "rfc822;" + given_address : recipient_options.original;
  destination.notify = recipient_options.notify;
  if (!recipient.envelope_from.empty()) {
    // A list sends in its own name from here on: what the first sender asked for ends here (RFC 3461 §5.2.7).
    destination.envelope_from = recipient.envelope_from;
    destination.notify.clear();
  }
  if (!recipient.notify.empty()) destination.notify = recipient.notify;
  if (destination.envelope_from.empty() && return_envelope(*config, to).all)
    destination.envelope_from = postmaster_of(*config, to);
  destination.recipient = std::move(recipient);
  return {250, "2.1.5", "Recipient ok"};
}

}  // namespace waxwing::mta
