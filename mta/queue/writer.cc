#include "mta/queue/writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <iterator>
#include <map>
#include <utility>

#include "common/base/failpoint.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/net/workers.h"
#include "mta/config/channel_name.h"
#include "mta/queue/schedule_entry.h"

namespace waxwing::mta::queue {

namespace {
constexpr std::size_t kMostNoticeBytes = 48 * 1024;
constexpr std::uint64_t kOnWorkerBytes = 1 << 20;  // to be copied: a loop does no more of it by itself
constexpr std::int64_t kBucketMs = 8000;           // how long messages go to the same directory

struct Part {
  UniqueFd fd;
  std::string temporary;
  FileName name;
  std::string line;    // of the notice to the job controller
  bool added = false;  // its name was answered by add()
};
}  // namespace

struct Writer::Inner {
  std::shared_ptr<Queue> queue;
  std::string queue_id;
  std::vector<Part> parts;  // first: the one being written
  std::optional<spool::MessageFileWriter> file;
  std::size_t sealed = 0;  // parts that have their envelope
  bool committed = false;
  bool published = false;

  ~Inner() { discard(); }

  void discard() {
    if (published) return;
    for (const auto& part : parts) {
      ::unlink(part.temporary.c_str());
      // Only after a commit that failed half way: the names may be there already.
      if (committed) (void)durable::remove_for_ever(queue->path_of(part.name));
    }
    parts.clear();
  }

  Result<> add_part() {
    // Several writers may have one message between them.
    static std::atomic<unsigned> number{0};
    TRY(auto temporary,
        queue->create_temporary(fmt::format("{}.{:02}.{}", queue_id, parts.size(), ++number)));
    Part part;
    part.fd = std::move(temporary.fd);
    part.temporary = std::move(temporary.path);
    parts.push_back(std::move(part));
    return {};
  }

  // What all contents of one publication share.
  struct Common {
    std::int64_t now_ms = wall_ms();
    std::string email_id = "M" + unique_id();
    std::map<std::string, unsigned>
        copies;  // of a queue id: a file that goes to another channel meets no other
    durable::Batch batch;
  };
  std::optional<Common> ahead;  // of what was added before publishing
  Result<> seal(Envelope envelope, Common& common);
  std::uint64_t bytes_to_copy(std::size_t envelopes) const;
  Result<> seal_all(std::vector<Envelope> envelopes, Common& common);
  std::vector<FileName> announce();

  // Of all contents.
  static Result<> seal_contents(std::vector<Content>& contents, Common& common);
  static Result<> put_into_batch(const std::vector<Content>& contents, Companion* companion,
                                 durable::Batch& batch);
  static std::vector<FileName> announce_contents(const std::vector<Content>& contents);
  static void discard_contents(const std::vector<Content>& contents);
};

namespace {
Result<> check_envelope(const Envelope& envelope) {
  if (!is_channel_name(envelope.channel))
    return bug("envelope for no valid channel: " + printable(envelope.channel));
  if (envelope.recipients.empty())
    return bug("envelope for channel " + envelope.channel + " without recipients");
  for (const auto& recipient : envelope.recipients)
    if (recipient.host.empty() || recipient.host.find_first_of(" \t\r\n") != std::string::npos)
      return bug("recipient " + printable(recipient.address) + " without a usable host");
  return {};
}
}  // namespace

// The next part gets its envelope.
Result<> Writer::Inner::seal(Envelope envelope, Common& common) {
  if (committed) return bug("queue writer published twice");
  TRY_VOID(check_envelope(envelope));
  if (sealed >= parts.size()) TRY_VOID(add_part());
  auto& part = parts[sealed];
  const auto bucket = fmt::format("{:03}", common.now_ms / kBucketMs % 100);
  envelope.queue_id = queue_id;
  if (envelope.email_id.empty()) envelope.email_id = common.email_id;
  if (envelope.arrival_ms == 0) envelope.arrival_ms = common.now_ms;
  part.name = {.channel = envelope.channel,
               .bucket = bucket,
               .id = queue_id,
               .copy = fmt::format("{:02}", common.copies[queue_id]++),
               .held = !envelope.held_reason.empty()};
  const auto slots = static_cast<std::uint32_t>(envelope.recipients.size());
  const auto slot_bytes = slot_bytes_for(slots);
  const auto records = to_records(envelope);
  TRY_VOID(sealed == 0 ? file->seal(spool::Kind::queue, records, slots, slot_bytes)
                       : file->copy_sealed(part.fd.get(), spool::Kind::queue, records, slots, slot_bytes));
  TRY_VOID(queue->ensure_bucket(envelope.channel, bucket, common.batch));
  if (!part.name.held) part.line = schedule_line(part.name, envelope, file->message_size());
  // So many hosts that it fits no packet: the job controller reads the file itself.
  if (part.line.size() > kMostNoticeBytes) part.line.clear();
  ++sealed;
  return {};
}

Result<> Writer::Inner::seal_all(std::vector<Envelope> envelopes, Common& common) {
  for (auto& envelope : envelopes) TRY_VOID(seal(std::move(envelope), common));
  if (sealed == 0) return bug("message published without an envelope");
  return {};
}

std::vector<FileName> Writer::Inner::announce() {
  published = true;
  std::vector<FileName> names;
  Record notice("enqueued");
  std::size_t bytes = 0;
  for (const auto& part : parts) {
    if (!part.added) names.push_back(part.name);
    if (part.name.held) continue;  // nothing to schedule
    const bool look = part.line.empty();
    const auto line = look ? part.name.relative() : part.line;
    if (bytes + line.size() > kMostNoticeBytes) {
      queue->tell_job_controller(notice);
      notice = Record("enqueued");
      bytes = 0;
    }
    notice.set(look ? "look" : "file", line);
    bytes += line.size();
  }
  if (bytes > 0) queue->tell_job_controller(notice);
  return names;
}

Writer::Writer(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;
Writer::~Writer() = default;

Result<Writer> Writer::create(std::shared_ptr<Queue> queue, std::string queue_id) {
  auto inner = std::make_unique<Inner>();
  inner->queue = std::move(queue);
  inner->queue_id = queue_id.empty() ? unique_id() : std::move(queue_id);
  TRY_VOID(inner->add_part());
  inner->file.emplace(inner->parts[0].fd.get());
  return Writer(std::move(inner));
}

const std::string& Writer::queue_id() const {
  return inner_->queue_id;
}
std::uint64_t Writer::size_bytes() const {
  return inner_->file->message_size();
}

Result<> Writer::write(std::string_view bytes) {
  if (inner_->committed) return bug("message written to after it was published");
  return inner_->file->write(bytes);
}

Result<std::string> Writer::read(std::uint64_t offset, std::size_t max_bytes) {
  auto& in = *inner_;
  const auto size = in.file->message_size();
  if (offset >= size) return std::string();
  TRY_VOID(in.file->flush());
  std::string bytes(static_cast<std::size_t>(std::min<std::uint64_t>(max_bytes, size - offset)), '\0');
  TRY_VOID(read_at(in.parts[0].fd.get(), static_cast<off_t>(offset), bytes.data(), bytes.size()));
  return bytes;
}

namespace {
using Contents = std::vector<Writer::Content>;
}  // namespace

// What is copied from a first file to further ones.
std::uint64_t Writer::Inner::bytes_to_copy(std::size_t envelopes) const {
  const auto files = envelopes - (sealed == 0 && envelopes > 0 ? 1 : 0);
  return files * file->message_size();
}

Result<> Writer::Inner::seal_contents(Contents& contents, Common& common) {
  for (auto& content : contents)
    TRY_VOID(content.writer->inner_->seal_all(std::move(content.envelopes), common));
  return {};
}

std::vector<FileName> Writer::Inner::announce_contents(const Contents& contents) {
  std::vector<FileName> names;
  for (const auto& content : contents) {
    auto more = content.writer->inner_->announce();
    std::ranges::move(more, std::back_inserter(names));
  }
  return names;
}

// The companion's names before those of the message.
Result<> Writer::Inner::put_into_batch(const Contents& contents, Companion* companion,
                                       durable::Batch& batch) {
  std::vector<Companion::File> files;
  for (const auto& content : contents)
    for (const auto& part : content.writer->inner_->parts) files.push_back({part.name, part.temporary});
  if (companion != nullptr) TRY_VOID(companion->join(batch, files));
  for (const auto& content : contents) {
    const auto& in = *content.writer->inner_;
    for (const auto& part : in.parts) {
      const auto path = in.queue->path_of(part.name);
      batch.content(part.fd.get(), path).rename(part.temporary, path);
    }
  }
  return {};
}

void Writer::Inner::discard_contents(const Contents& contents) {
  for (const auto& content : contents) content.writer->inner_->discard();
}

namespace {
// Work that blocks, on the pool when there is one.
Task<Result<>> run_on(WorkerPool* pool, std::function<Result<>()> work) {
  if (pool == nullptr) co_return work();
  auto outcome = co_await pool->run(work);
  co_return outcome;
}
}  // namespace

Task<Result<std::vector<FileName>>> Writer::publish_all(Contents contents, WorkerPool* sealers,
                                                        Companion* companion) {
  Inner::Common common;
  for (auto& content : contents)
    if (auto& ahead = content.writer->inner_->ahead) common = *std::exchange(ahead, std::nullopt);
  std::uint64_t bytes = 0;
  for (const auto& content : contents)
    bytes += content.writer->inner_->bytes_to_copy(content.envelopes.size());
  std::function<Result<>()> seal = [&]() -> Result<> {
    TRY_VOID(Inner::seal_contents(contents, common));
    return Inner::put_into_batch(contents, companion, common.batch);
  };
  auto* const sealer = bytes > kOnWorkerBytes || companion != nullptr ? sealers : nullptr;
  auto sealing = run_on(sealer, std::move(seal));
  auto sealed = co_await std::move(sealing);
  if (!sealed) {
    Inner::discard_contents(contents);
    co_return std::unexpected(sealed.error());
  }
  for (const auto& content : contents) content.writer->inner_->committed = true;
  auto outcome = co_await commit_durably(std::move(common.batch));
  if (!outcome) {
    Result<> taken_back;
    if (companion != nullptr) {
      std::function<Result<>()> take_back = [companion] { return companion->take_back(); };
      auto taking = run_on(sealers, std::move(take_back));
      taken_back = co_await std::move(taking);
    }
    // What says that the message has gone on is there: so it does.
    if (taken_back)
      Inner::discard_contents(contents);
    else
      Inner::announce_contents(contents);
    co_return std::unexpected(outcome.error());
  }
  if (companion != nullptr) companion->stands();
  for (const auto& content : contents)
    for (const auto& part : content.writer->inner_->parts)
      content.writer->inner_->queue->bucket_is_durable(part.name.channel, part.name.bucket);
  co_return Inner::announce_contents(contents);
}

Result<FileName> Writer::add(Envelope envelope) {
  auto& in = *inner_;
  if (!in.ahead) in.ahead = Inner::Common();  // clang 19 takes emplace() for impossible here
  TRY_VOID(in.seal(std::move(envelope), *in.ahead));
  auto& part = in.parts[in.sealed - 1];
  part.added = true;
  return part.name;
}

bool Writer::has_added() const {
  return inner_->sealed > 0;
}

Task<Result<std::vector<FileName>>> Writer::publish(std::vector<Envelope> envelopes) {
  Contents contents;
  contents.push_back({this, std::move(envelopes)});
  auto publishing = publish_all(std::move(contents));
  auto published = co_await std::move(publishing);
  co_return published;
}

}  // namespace waxwing::mta::queue
