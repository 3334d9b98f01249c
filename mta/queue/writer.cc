#include "mta/queue/writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <map>

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
constexpr std::int64_t kBucketMs = 8000;  // how long messages go to the same directory

struct Part {
  UniqueFd fd;
  std::string temporary;
  FileName name;
};
}  // namespace

struct Writer::Inner {
  std::shared_ptr<Queue> queue;
  std::string queue_id;
  std::vector<Part> parts;  // first: the one being written
  std::optional<spool::MessageFileWriter> file;
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
    TRY(auto temporary, queue->create_temporary(fmt::format("{}.{:02}", queue_id, parts.size())));
    Part part;
    part.fd = std::move(temporary.fd);
    part.temporary = std::move(temporary.path);
    parts.push_back(std::move(part));
    return {};
  }

  Result<durable::Batch> seal(std::vector<Envelope>& envelopes);
  std::vector<FileName> announce(const std::vector<Envelope>& envelopes);
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

Result<durable::Batch> Writer::Inner::seal(std::vector<Envelope>& envelopes) {
  if (committed) return bug("queue writer published twice");
  if (envelopes.empty()) return bug("message published without an envelope");
  durable::Batch batch;
  const auto now = wall_ms();
  const auto bucket = fmt::format("{:03}", now / kBucketMs % 100);
  const auto email_id = "M" + unique_id();
  std::map<std::string, unsigned> copies;
  for (std::size_t i = 0; i < envelopes.size(); ++i) {
    auto& envelope = envelopes[i];
    TRY_VOID(check_envelope(envelope));
    if (i >= parts.size()) TRY_VOID(add_part());
    auto& part = parts[i];
    envelope.queue_id = queue_id;
    if (envelope.email_id.empty()) envelope.email_id = email_id;
    if (envelope.arrival_ms == 0) envelope.arrival_ms = now;
    part.name = {.channel = envelope.channel,
                 .bucket = bucket,
                 .id = queue_id,
                 .copy = fmt::format("{:02}", copies[envelope.channel]++),
                 .held = !envelope.held_reason.empty()};
    const auto slots = static_cast<std::uint32_t>(envelope.recipients.size());
    const auto slot_bytes = slot_bytes_for(slots);
    const auto records = to_records(envelope);
    TRY_VOID(i == 0 ? file->seal(spool::Kind::queue, records, slots, slot_bytes)
                    : file->copy_sealed(part.fd.get(), spool::Kind::queue, records, slots, slot_bytes));
    TRY_VOID(queue->ensure_bucket(envelope.channel, bucket, batch));
    const auto path = queue->path_of(part.name);
    batch.content(part.fd.get(), path).rename(part.temporary, path);
  }
  committed = true;
  return batch;
}

std::vector<FileName> Writer::Inner::announce(const std::vector<Envelope>& envelopes) {
  published = true;
  std::vector<FileName> names;
  Record notice("enqueued");
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    names.push_back(parts[i].name);
    if (parts[i].name.held) continue;  // nothing to schedule
    auto line = schedule_line(parts[i].name, envelopes[i], file->message_size());
    // So many hosts that it fits no packet: the job controller reads the file itself.
    const bool look = line.size() > kMostNoticeBytes;
    if (look) line = parts[i].name.relative();
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
  return inner_->file->write(bytes);
}

Task<Result<std::vector<FileName>>> Writer::publish(std::vector<Envelope> envelopes) {
  auto batch = inner_->seal(envelopes);
  if (!batch) {
    inner_->discard();
    co_return std::unexpected(batch.error());
  }
  auto outcome = co_await commit_durably(std::move(*batch));
  if (!outcome) {
    inner_->discard();
    co_return std::unexpected(outcome.error());
  }
  co_return inner_->announce(envelopes);
}

}  // namespace waxwing::mta::queue
