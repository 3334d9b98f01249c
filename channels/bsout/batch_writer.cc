#include "channels/bsout/batch_writer.h"

#include <utility>

#include "common/base/strings.h"
#include "common/mail/address.h"
#include "common/mail/transfer_coding.h"

namespace waxwing::channels {

namespace {
constexpr std::size_t kLineBytes = 57;  // of a line of base64
constexpr std::size_t kPieceBytes = kLineBytes * 1024;
}  // namespace

std::string transaction_commands(const mta::queue::Envelope& envelope,
                                 const std::vector<std::size_t>& recipients) {
  std::string out = "MAIL FROM:<" + envelope.sender + ">";
  if (envelope.body == "8BITMIME") out += " BODY=8BITMIME";
  if (envelope.smtputf8) out += " SMTPUTF8";
  if (!envelope.ret.empty()) out += " RET=" + envelope.ret;
  if (!envelope.envelope_id.empty()) out += " ENVID=" + mail::encode_xtext(envelope.envelope_id);
  out += "\r\n";
  for (const auto i : recipients) {
    const auto& recipient = envelope.recipients[i];
    out += "RCPT TO:<" + recipient.address + ">";
    if (!recipient.notify.empty()) out += " NOTIFY=" + recipient.notify;
    // "type;address": the type stands as it is.
    if (const auto at = recipient.original.find(';'); at != std::string::npos)
      out += " ORCPT=" + recipient.original.substr(0, at + 1) +
             mail::encode_xtext(std::string_view(recipient.original).substr(at + 1));
    out += "\r\n";
  }
  return out + "DATA\r\n";
}

BatchWriter::BatchWriter(std::string header, const std::string& host, std::vector<BatchItem> items)
    : head_(std::move(header)), items_(std::move(items)), pending_("EHLO " + host + "\r\n") {
  head_ +=
      "MIME-Version: 1.0\r\nContent-Type: application/batch-SMTP\r\nContent-Transfer-Encoding: "
      "base64\r\n\r\n";
}

Result<> BatchWriter::fill() {
  if (!in_message_ && at_ == items_.size()) {
    pending_ += "QUIT\r\n";
    ended_ = true;
    return {};
  }
  if (!in_message_) {
    pending_ += items_[at_].commands;
    stuffer_ = mail::DotStuffer();
    in_message_ = true;
    return {};
  }
  TRY(const auto bytes, items_[at_].bytes());
  if (!bytes.empty()) {
    stuffer_.feed(bytes, pending_);
    return {};
  }
  stuffer_.finish(pending_);
  in_message_ = false;
  ++at_;
  return {};
}

Result<std::string> BatchWriter::next() {
  if (!head_.empty()) return std::exchange(head_, "");
  while (pending_.size() < kPieceBytes && !ended_) TRY_VOID(fill());
  // Whole lines only, but for the last one.
  const auto size = ended_ ? pending_.size() : pending_.size() / kLineBytes * kLineBytes;
  auto lines = mail::encode_base64_lines(std::string_view(pending_).substr(0, size));
  pending_.erase(0, size);
  return lines;
}

}  // namespace waxwing::channels
