// DATA and BDAT: the message goes into a draft of the store as it comes, then into all mailboxes by one
// durable commit. Memory does not grow with it.
#include <algorithm>
#include <map>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "common/mail/date.h"
#include "common/mail/smtp_data.h"
#include "lmtpd/recipient.h"
#include "lmtpd/session.h"

namespace waxwing::lmtp {

namespace {
// A client that goes on sending after its message was refused is listened to for this much longer.
constexpr std::uint64_t kDrainBytes = 64 << 20;

// A folder of a subaddress that is not there means INBOX. Known here rather than in the store, so that
// user+nowhere and user are one copy. Blocks.
void settle_folder(store::Store& store, store::DeliveryTarget& target) {
  if (target.folder == "INBOX") return;
  const auto found = store.find({target.user, target.folder});
  if (!found && store::code_of(found.error()) == store::Code::nonexistent) target.folder = "INBOX";
}
}  // namespace

// RFC 5321 §4.4: the last hop writes the return path, and Received: says how the message came.
std::string Session::trace_fields() const {
  std::string protocol = sender_->options.smtputf8 ? "UTF8LMTP" : "LMTP";
  if (stream_.is_tls()) protocol += "S";
  std::string fields = "Return-Path: <" + sender_->address + ">\r\n";
  fields += "Received: from " + lhlo_ + " ([" + peer_address_ + "])\r\n by " + settings_->host +
            " (Waxwing Messaging Server) with " + protocol + " id " + qid_;
  if (recipients_.size() == 1) fields += "\r\n for <" + recipients_[0].address + ">";
  return fields + ";\r\n " + mail::format_local_date(wall_seconds()) + "\r\n";
}

// The trace fields are known when the first byte comes: no recipient can be added after it.
void Session::begin_message() {
  lines_.emplace();
  auto draft = server_.store().begin_delivery();
  if (draft) {
    draft_ = std::move(*draft);
    if (auto written = draft_->write(trace_fields()); !written) disk_failed(written.error());
  } else {
    disk_failed(draft.error());
  }
}

void Session::disk_failed(const Error& error) {
  log::Event("lmtp.draft.failed").with("sid", sid_).with("qid", qid_).with("error", error.text).error();
  refusal_ = verdict_of(error);
  draft_.reset();
}

// Keeps the bytes, or only notes that they are too many.
Task<void> Session::take(std::string_view bytes) {
  if (refusal_) co_return;
  size_ += bytes.size();
  if (size_ > settings_->max_message_bytes) {
    refusal_ = Verdict{552, "5.3.4", "The message is too large"};
    draft_.reset();
    co_return;
  }
  Result<> written;
  if (draft_->stays_in_memory(bytes.size())) {
    written = draft_->write(bytes);
  } else {
    auto work = [&] { return draft_->write(bytes); };
    written = co_await server_.workers().run(work);
  }
  if (!written) disk_failed(written.error());
}

Task<void> Session::data(std::string_view argument) {
  if (!argument.empty()) {
    bad_command({501, "5.5.4", "DATA takes no argument"});
    co_return;
  }
  if (!sender_ || recipients_.empty() || chunking_) {
    // RFC 2033 §4.2: no recipient was accepted, so no answer could follow the message.
    bad_command({503, "5.5.1",
                 chunking_ ? "BDAT has begun"
                 : sender_ ? "No valid recipients"
                           : "MAIL first"});
    co_return;
  }
  begin_message();
  reply({354, "", "Start mail input; end with <CRLF>.<CRLF>"});
  const bool whole = co_await receive_data();
  if (!whole) {
    over_ = true;
    log::Event("lmtp.data.lost").with("sid", sid_).with("qid", qid_).notice();
    co_return;
  }
  co_await finish();
}

// Bare CR and LF are mended: whoever sent them has let go of the message already, and nobody reads its end
// differently from here on. See mail::DataDecoder.
Task<bool> Session::receive_data() {
  mail::DataDecoder decoder(mail::DataDecoder::BareEnds::repair);
  std::uint64_t drained = 0;
  std::string piece;
  while (!decoder.done()) {
    if (stream_.peek().empty()) {
      auto more = co_await stream_.fill();
      if (!more || !*more) co_return false;
    }
    piece.clear();
    stream_.skip(decoder.feed(stream_.peek(), piece));
    if (refusal_) drained += piece.size();
    if (drained > kDrainBytes) co_return false;
    co_await take(piece);
  }
  co_return true;
}

Task<void> Session::bdat(std::string_view argument) {
  const auto parsed = mta::protocol::parse_bdat(argument);
  if (!parsed) {
    // How many bytes follow is not known: nothing after this can be trusted to be a command.
    end(parsed.error());
    co_return;
  }
  const bool allowed = sender_ && !recipients_.empty();
  if (!allowed) refusal_ = Verdict{503, "5.5.1", sender_ ? "No valid recipients" : "MAIL first"};
  if (allowed && !chunking_) begin_message();
  const bool whole = co_await receive_chunk(parsed->size);
  if (!whole) {
    over_ = true;
    co_return;
  }
  if (!allowed) {
    bad_command(*refusal_);
    refusal_.reset();
    co_return;
  }
  chunking_ = true;
  if (parsed->last) {
    co_await finish();
  } else {
    reply(refusal_ ? *refusal_ : Verdict{250, "2.0.0", std::to_string(parsed->size) + " bytes received"});
  }
}

Task<bool> Session::receive_chunk(std::uint64_t size) {
  if (refusal_ && size > kDrainBytes) co_return false;
  std::uint64_t drained = 0;
  std::string text;
  while (size > 0) {
    if (stream_.peek().empty()) {
      auto more = co_await stream_.fill();
      if (!more || !*more) co_return false;
    }
    const auto waiting = stream_.peek();
    const auto piece =
        waiting.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(size, waiting.size())));
    size -= piece.size();
    if (refusal_ && (drained += piece.size()) > kDrainBytes) co_return false;
    text.clear();
    // A chunk that nobody wants belongs to no message.
    if (!refusal_) lines_->feed(piece, text);
    stream_.skip(piece.size());
    co_await take(text);
  }
  co_return true;
}

// Into the store, each mailbox once however many recipients name it: one result per recipient.
Task<std::vector<store::DeliveryResult>> Session::deliver() {
  store::DeliveryMessage message;
  message.draft = &*draft_;
  message.log_id = qid_;
  std::vector<std::size_t> which;
  const std::function<std::vector<store::DeliveryTarget>()> find = [&] {
    std::vector<store::DeliveryTarget> targets;
    std::map<std::pair<std::string, std::string>, std::size_t> known;
    for (auto& recipient : recipients_) {
      auto& target = recipient.target;
      settle_folder(server_.store(), target);
      const auto [at, fresh] = known.emplace(std::pair(target.user, target.folder), targets.size());
      which.push_back(at->second);
      if (!fresh) continue;
      target.delivery_id = qid_ + "/" + std::to_string(targets.size());
      targets.push_back(std::move(target));
    }
    return targets;
  };
  const auto outcomes = co_await store::deliver_on(server_.workers(), server_.store(), message, find);
  std::vector<store::DeliveryResult> results;
  for (const auto at : which) results.push_back(outcomes.at(at));
  co_return results;
}

void Session::log_delivery(const std::string& address, const store::DeliveryResult& result) const {
  log::Event event(result.fine() ? "lmtp.delivered" : "lmtp.failed");
  event.with("sid", sid_).with("qid", qid_).with("from", sender_->address).with("rcpt", address);
  event.with("size", static_cast<std::int64_t>(size_));
  event.with("msgid", draft_->message_id());
  event.with("mailbox", result.mailbox);
  if (result.fine()) return event.with("uid", result.uid).information();
  event.with("error", result.text).warning();
}

// One answer for each recipient, in their order.
Task<void> Session::finish() {
  if (refusal_) {
    for (std::size_t i = 0; i < recipients_.size(); ++i) reply(*refusal_);
    reset();
    co_return;
  }
  auto results = co_await deliver();
  for (std::size_t i = 0; i < recipients_.size(); ++i) {
    const auto& result = results.at(i);
    log_delivery(recipients_[i].address, result);
    auto verdict = verdict_of(result);
    verdict.text = "<" + recipients_[i].address + "> " + verdict.text;
    if (result.fine()) verdict.text += ", id " + qid_;
    reply(verdict);
    if (result.fine()) ++delivered_;
  }
  reset();
}

}  // namespace waxwing::lmtp
