#include "mta/notify/post.h"

#include <utility>
#include <vector>

#include "mta/counters/counters.h"
#include "mta/mail_log/mail_log.h"
#include "mta/queue/writer.h"

namespace waxwing::mta::notify {

namespace {
constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr const char* kChannel = "process";
constexpr const char* kHost = "process-daemon";

// The channel that it is written into, and its host.
std::pair<std::string, std::string> way_of(const MtaConfig& config, const Channel* channel, Kw keyword) {
  const auto* through =
      channel != nullptr && channel->given(keyword) ? config.channel(channel->word(keyword)) : nullptr;
  if (through == nullptr) return {kChannel, kHost};
  return {through->name(), through->tag()};
}

// In mail.log_current, where the channel it is for is logged.
void record_enqueued(const MtaConfig& config, const queue::Envelope& envelope, const std::string& file,
                     std::uint64_t size_bytes) {
  using counters::Count;
  const auto blocks = config.options().blocks_of(size_bytes);
  counters::add(
      config.root(), envelope.channel,
      {{Count::received_messages, 1}, {Count::received_recipients, 1}, {Count::received_blocks, blocks}});
  counters::add(
      config.root(), envelope.source_channel,
      {{Count::submitted_messages, 1}, {Count::submitted_recipients, 1}, {Count::submitted_blocks, blocks}});
  if (!mail_log::is_logged(config.channel(envelope.channel))) return;
  mail_log::Entry entry;
  entry.action = 'E';
  entry.source_channel = envelope.source_channel;
  entry.destination_channel = envelope.channel;
  entry.size_bytes = size_bytes;
  entry.sender = envelope.sender;
  entry.file = file;
  entry.original = envelope.recipients.front().original;
  entry.address = envelope.recipients.front().address;
  mail_log::write(config, entry);
}

Result<queue::Writer> write_all(const std::shared_ptr<queue::Queue>& queue, const Posting& posting) {
  TRY(auto writer, queue::Writer::create(queue));
  TRY_VOID(writer.write(posting.head));
  if (posting.whole == nullptr) TRY_VOID(writer.write(posting.middle));
  for (std::uint64_t at = 0; posting.whole != nullptr && at < posting.whole->message_size();) {
    TRY(const auto piece, posting.whole->read_message(at, kPieceBytes));
    if (piece.empty()) return temporary(posting.whole->path() + " is cut short");
    TRY_VOID(writer.write(piece));
    at += piece.size();
  }
  TRY_VOID(writer.write(posting.tail));
  return writer;
}
}  // namespace

Task<Result<std::string>> post(const MtaConfig& config, const std::shared_ptr<queue::Queue>& queue,
                               WorkerPool& workers, const Channel* from, const Posting& posting) {
  auto write = [&] { return write_all(queue, posting); };
  auto writer = co_await workers.run(write);
  if (!writer) co_return std::unexpected(writer.error());
  auto envelope = posting.envelope;
  const auto [through, host] = way_of(config, from, posting.through);
  envelope.channel = through;
  queue::Recipient to;
  to.address = posting.to;
  to.original = "rfc822;" + posting.to;
  to.notify = posting.notify;
  to.host = host;
  envelope.recipients.push_back(std::move(to));
  std::vector<queue::Envelope> envelopes;
  envelopes.push_back(envelope);
  const auto size_bytes = writer->size_bytes();
  auto files = co_await writer->publish(std::move(envelopes));
  if (!files) co_return std::unexpected(files.error());
  if (!files->empty()) record_enqueued(config, envelope, files->front().relative(), size_bytes);
  co_return writer->queue_id();
}

}  // namespace waxwing::mta::notify
