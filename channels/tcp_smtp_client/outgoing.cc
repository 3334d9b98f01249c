#include "channels/tcp_smtp_client/outgoing.h"

#include "common/log/log.h"
#include "common/mail/seven_bit.h"

namespace waxwing::channels::smtp {

namespace {
constexpr std::size_t kPieceBytes = 1 << 20;
// The form is made in memory; what is larger goes to peers that take it as it is.
constexpr std::uint64_t kMostBytes = 128 << 20;
}  // namespace

std::uint64_t Outgoing::size_bytes() const {
  return text_ ? text_->size() : work_.message().message_size();
}

Result<std::string> Outgoing::read(std::uint64_t at, std::size_t most_bytes) {
  if (!text_) return work_.message().read_message(at, most_bytes);
  return at >= text_->size() ? std::string() : text_->substr(at, most_bytes);
}

// always: not only for bytes above 127 (a binary message to a peer that takes no BDAT).
Result<> Outgoing::convert(bool always) {
  auto& message = work_.message();
  const auto size = message.message_size();
  std::string whole;
  bool wide = always;
  for (std::uint64_t at = 0; at < size;) {
    TRY(const auto piece, message.read_message(at, kPieceBytes));
    if (piece.empty()) return temporary("4.3.0 the queue file ends early");
    at += piece.size();
    wide = wide || mail::has_eight_bit(piece);
    if (size <= kMostBytes) whole += piece;
  }
  if (!wide) return {};
  if (size > kMostBytes) return permanent("5.6.3 the message is too large to be made 7-bit for this host");
  auto form = mail::to_seven_bit(whole);
  if (!form.possible)
    return permanent(
        "5.6.3 the message has 8-bit text, which this host does not take, and cannot be made 7-bit: " +
        form.why);
  text_ = std::move(form.message);
  body_.clear();
  log::Event("smtp.seven_bit")
      .with("qid", work_.queue_id())
      .with("size", static_cast<std::int64_t>(size))
      .information();
  return {};
}

Task<Result<>> Outgoing::suit(const PeerFeatures& features, const ClientSettings& settings,
                              WorkerPool& workers) {
  const bool binary = body_ == "BINARYMIME";
  const bool takes_binary = features.binary && features.chunking && settings.chunking;
  const bool takes_wide = settings.eight_bit == EightBit::as_it_is ||
                          (settings.eight_bit == EightBit::negotiate && features.eightbit);
  // SMTPUTF8 brings 8BITMIME with it (RFC 6531 §3.1), whatever the peer forgot to say.
  if ((takes_wide || work_.envelope().smtputf8) && (!binary || takes_binary)) co_return Result<>();
  auto converting = workers.run([&] { return convert(binary && !takes_binary); });
  auto converted = co_await std::move(converting);
  co_return converted;
}

}  // namespace waxwing::channels::smtp
