// DATA and BDAT: the bytes of a message.
#include <algorithm>

#include "common/base/time.h"
#include "common/log/log.h"
#include "common/mail/idn.h"
#include "common/mail/smtp_data.h"
#include "mta/protocol/data_rate.h"
#include "smtpd/received.h"
#include "smtpd/session.h"

namespace waxwing::smtpd {

using mta::Kw;

namespace {
// A client that goes on sending after its message was refused is listened to for this much longer.
constexpr std::uint64_t kDrainBytes = 64 << 20;
constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr std::size_t kLineBytes = 998;  // RFC 5322 §2.1.1
const Verdict kFarMoreThanUsual{450, "4.7.1", "You send far more than usual; wait, or ask your postmaster"};
const Verdict kBareEnds{554, "5.6.0", "Bare CR or LF in the message; lines must end in CRLF"};
}  // namespace

std::string Session::trace_field() const {
  TraceFacts facts;
  facts.helo = helo_;
  facts.host_name = *host_name_;
  facts.address = peer_address_;
  const auto& domain = settings_->config->options().text(mta::Opt::RECEIVED_DOMAIN);
  facts.by = domain.empty() ? settings_->host : domain;
  facts.software = settings_->software;
  facts.queue_id = message_->queue_id();
  // A field of ASCII needs no SMTPUTF8 further on.
  if (message_->recipients() == 1 && !channel_->is(Kw::noreceivedfor))
    facts.recipient = mail::with_a_labels(first_recipient_);
  facts.claimed_name = *claimed_name_;
  facts.ident = ident_;
  if (channel_->is(Kw::receivedfrom) && message_->sender_address() != sender_as_given_)
    facts.sender = sender_as_given_;
  facts.tls_protocol = stream_.tls_protocol();
  facts.tls_cipher = stream_.tls_cipher();
  facts.tls_bits = stream_.tls_bits();
  facts.esmtp = esmtp_;
  facts.authenticated = identity_.has_value();
  facts.smtputf8 = mail_options_.smtputf8;
  facts.mt_priority = mail_options_.mt_priority;
  facts.show_name = !channel_->is(Kw::identnonenumeric) && !channel_->is(Kw::identtcpnumeric);
  facts.show_address = !channel_->is(Kw::identnonesymbolic) && !channel_->is(Kw::identtcpsymbolic);
  facts.now_seconds = wall_seconds();
  return received_field(facts);
}

std::optional<Verdict> Session::may_data() {
  if (!in_transaction()) return Verdict{503, "5.5.1", "MAIL first"};
  if (message_->recipients() == 0) return Verdict{554, "5.5.1", "No valid recipients"};
  auto cutoff = keyword(Kw::recipientcutoff, 0);
  if (cutoff <= 0) cutoff = settings_->options.reject_recipients_per_transaction;
  if (cutoff > 0 && rcpt_commands_ > cutoff) return Verdict{554, "5.5.3", "Too many recipients"};
  return std::nullopt;
}

// The end of a message, however it went: answer, forget the envelope.
Task<void> Session::finish(std::optional<Verdict> refusal) {
  Verdict verdict;
  if (refusal) {
    verdict = std::move(*refusal);
  } else {
    verdict = co_await message_->finish();
  }
  if (verdict.ok()) {
    ++counts_.accepted;
  } else {
    log::Event("smtp.data.rejected")
        .with("sid", sid_)
        .with("qid", message_->queue_id())
        .with("code", verdict.code)
        .with("reply", verdict.text)
        .notice();
    if (may_record_refusal()) message_->record_refusal("", verdict);
  }
  reset();
  reply(verdict);
}

Task<void> Session::data(std::string_view argument) {
  if (!argument.empty()) {
    bad_command({501, "5.5.4", "DATA takes no argument"});
    co_return;
  }
  if (auto refusal = may_data()) {
    if (in_transaction() && refusal->code == 554) reset();
    if (refusal->code == 503)
      bad_command(*refusal);
    else
      reply(*refusal);
    co_return;
  }
  if (mail_options_.body_binary) {
    bad_command({503, "5.5.1", "BINARYMIME needs BDAT"});
    co_return;
  }
  const bool usual = co_await sends_as_usual();
  if (!usual) {
    std::optional<Verdict> refusal(kFarMoreThanUsual);
    co_await finish(std::move(refusal));
    co_return;
  }
  message_->add_trace(trace_field());
  reply({354, "", "Start mail input; end with <CRLF>.<CRLF>"});
  stream_.set_timeout_ms(settings_->options.data_receive_ms);
  co_await receive_data();
  stream_.set_timeout_ms(settings_->options.command_receive_ms);
}

// What the channel demands of a message's text, however it came.
std::optional<Verdict> Session::strictness(std::size_t longest_line, bool has_8bit) const {
  if (channel_->is(Kw::rejectsmtplonglines) && longest_line > kLineBytes)
    return Verdict{554, "5.6.0", "A line is longer than 998 bytes"};
  if (channel_->is(Kw::eightstrict) && has_8bit && !mail_options_.body_8bit && !mail_options_.body_binary)
    return Verdict{554, "5.6.3", "8-bit text without BODY=8BITMIME"};
  return std::nullopt;
}

Session::Rate Session::data_rate() const {
  const auto& options = settings_->options;
  return {{options.least_data_rate, options.least_data_rate_after_ms, monotonic_ms()}, stream_.bytes_in()};
}

// Bytes of the message are buffered when this answers true; else the session is over.
Task<bool> Session::more_data(const Rate& rate) {
  if (!stream_.peek().empty()) co_return true;
  auto more = co_await stream_.fill();
  const bool came = more && *more;
  const bool slow = came && rate.least.too_slow(stream_.bytes_in() - rate.bytes_before, monotonic_ms());
  if (came && !slow) co_return true;
  over_ = true;
  log::Event(slow ? "smtp.data.slow" : "smtp.data.lost")
      .with("sid", sid_)
      .with("qid", in_transaction() ? message_->queue_id() : "")
      .notice();
  if (in_transaction())
    message_->record_abort(slow ? "the message comes too slowly" : "connection lost in DATA");
  if (slow)
    reply({421, "4.4.2", "The message comes too slowly, closing the connection"});
  else if (!more && is_timeout(more.error()))
    reply({421, "4.4.2", "Timeout, closing the connection"});
  co_return false;
}

Task<void> Session::receive_data() {
  const bool repair = settings_->options.bare_line_ends == 1 || channel_->is(Kw::smtp_crorlf) ||
                      channel_->is(Kw::smtp_cr) || channel_->is(Kw::smtp_lf);
  mail::DataDecoder decoder(repair ? mail::DataDecoder::BareEnds::repair
                                   : mail::DataDecoder::BareEnds::refuse);
  std::optional<Verdict> refusal;
  std::uint64_t drained = 0;
  std::string bytes;
  const auto rate = data_rate();
  while (!decoder.done()) {
    auto more = co_await more_data(rate);
    if (!more) co_return;
    bytes.clear();
    stream_.skip(decoder.feed(stream_.peek(), bytes));
    if (refusal) {
      drained += bytes.size();
      if (drained > kDrainBytes) {
        end({421, "4.7.0", "Too much data after a refused message"});
        co_return;
      }
      continue;
    }
    auto verdict = co_await message_->data(bytes);
    if (!verdict.ok()) refusal = std::move(verdict);
  }
  if (!refusal && !repair && (decoder.bare_cr() >= 0 || decoder.bare_lf() >= 0)) refusal = kBareEnds;
  if (!refusal) refusal = strictness(decoder.longest_line(), decoder.has_8bit());
  co_await finish(std::move(refusal));
}

Task<void> Session::bdat(std::string_view argument) {
  auto parsed = mta::protocol::parse_bdat(argument);
  if (!parsed) {
    // How many bytes follow is not known: nothing after this can be trusted to be a command.
    bad_command(parsed.error());
    over_ = true;
    co_return;
  }
  std::optional<Verdict> refusal;
  if (channel_->is(Kw::nochunkingserver)) refusal = Verdict{502, "5.5.1", "CHUNKING is not offered"};
  co_await begin_chunk(std::move(refusal));
  if (chunk_refusal_ && parsed->size > kDrainBytes) {
    end({421, "4.7.0", "Too much data after a refused message"});
    co_return;
  }
  stream_.set_timeout_ms(settings_->options.data_receive_ms);
  const bool whole = co_await receive_chunk(parsed->size);
  stream_.set_timeout_ms(settings_->options.command_receive_ms);
  if (!whole) {
    over_ = true;
    co_return;
  }
  Verdict taken{250, "2.0.0", std::to_string(parsed->size) + " bytes received"};
  co_await end_chunk(parsed->last, std::move(taken));
}

// Before the bytes of a chunk come, by BDAT or by BURL: may they, and what goes in front of the first.
Task<void> Session::begin_chunk(std::optional<Verdict> refusal) {
  if (auto earlier = may_data()) refusal = std::move(earlier);
  if (!chunking_ && !refusal) {
    const bool usual = co_await sends_as_usual();
    if (!usual) refusal = kFarMoreThanUsual;
    message_->set_chunking();
    message_->add_trace(trace_field());
  }
  if (refusal && !chunk_refusal_) chunk_refusal_ = std::move(refusal);
  chunking_ = in_transaction();
}

// The chunk's bytes are there, or were refused; what was refused once stays so to the end of the message.
Task<void> Session::end_chunk(bool last, Verdict taken) {
  if (!in_transaction()) {
    // The chunk has been swallowed: its bytes must not be read as commands.
    auto answer = *chunk_refusal_;
    chunk_refusal_.reset();
    bad_command(std::move(answer));
    co_return;
  }
  if (!last) {
    reply(chunk_refusal_ ? *chunk_refusal_ : taken);
    co_return;
  }
  if (!chunk_refusal_ && !mail_options_.body_binary) {
    chunk_lines_.finish();
    if (chunk_lines_.bare_cr() >= 0) chunk_refusal_ = kBareEnds;
  }
  if (!chunk_refusal_) chunk_refusal_ = strictness(chunk_lines_.longest_line(), chunk_lines_.has_8bit());
  auto last_refusal = std::move(chunk_refusal_);
  co_await finish(std::move(last_refusal));
}

// Bytes of a chunk that has not been refused so far.
Task<void> Session::take_piece(std::string_view piece) {
  if (!mail_options_.body_binary) {
    chunk_lines_.feed(piece);
    if (chunk_lines_.bare_cr() >= 0 || chunk_lines_.bare_lf() >= 0) chunk_refusal_ = kBareEnds;
  }
  if (chunk_refusal_) co_return;
  auto verdict = co_await message_->data(piece);
  if (!verdict.ok()) chunk_refusal_ = std::move(verdict);
}

Task<bool> Session::receive_chunk(std::uint64_t size) {
  std::uint64_t drained = 0;
  const auto rate = data_rate();
  while (size > 0) {
    auto more = co_await more_data(rate);
    if (!more) co_return false;
    const auto piece =
        stream_.peek().substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(size, kPieceBytes)));
    size -= piece.size();
    if (!chunk_refusal_) {
      co_await take_piece(piece);
    } else if ((drained += piece.size()) > kDrainBytes) {
      reply({421, "4.7.0", "Too much data after a refused message"});
      co_return false;
    }
    stream_.skip(piece.size());
  }
  co_return true;
}

}  // namespace waxwing::smtpd
