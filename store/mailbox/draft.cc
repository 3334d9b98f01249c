// Drafts and APPEND.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/random.h"
#include "common/base/time.h"
#include "common/spool/message_file.h"
#include "store/detail/errors.h"
#include "store/mailbox/draft.h"
#include "store/mailbox/files.h"

namespace waxwing::store {

Draft::Draft(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Draft::Draft(Draft&&) noexcept = default;
Draft& Draft::operator=(Draft&&) noexcept = default;
Draft::~Draft() = default;
Result<> Draft::write(std::string_view bytes) {
  return inner_->writer.write(bytes);
}
std::uint64_t Draft::size() const {
  return inner_->writer.message_size();
}

Draft::Inner::~Inner() {
  ::unlink(path.c_str());
}

Result<std::unique_ptr<Draft::Inner>> Draft::Inner::make(const std::string& partition_path) {
  const auto path = partition_path + "/tmp/" + unique_id() + ".msg";
  auto fd = open_file(path, O_RDWR | O_CREAT | O_EXCL);
  if (!fd) {
    TRY_VOID(make_directories(partition_path + "/tmp"));
    fd = open_file(path, O_RDWR | O_CREAT | O_EXCL);
  }
  if (!fd) return std::unexpected(fd.error());
  return std::make_unique<Inner>(path, std::move(*fd));
}

Result<ParsedMessage> parse_file(int fd, std::uint64_t message_size) {
  if (message_size <= kReadNotMapped) {
    std::string bytes(message_size, '\0');
    TRY_VOID(read_at(fd, 0, bytes.data(), bytes.size()));
    return parse_for_cache(bytes);
  }
  TRY(const auto map, Mapping::make(fd, message_size, false));
  return parse_for_cache({map->data(), message_size});
}

Result<Draft> MailboxFiles::begin_append(std::uint64_t bytes_expected, QuotaLimit limit) {
  const auto used = account_->usage();
  if ((limit.bytes >= 0 && used.bytes + static_cast<std::int64_t>(bytes_expected) > limit.bytes) ||
      (limit.messages >= 0 && used.messages + 1 > limit.messages))
    return fail_for_now(Code::over_quota, "the mailbox of " + entry_.name.user + " is full");
  TRY(auto inner, Draft::Inner::make(partition_path_));
  return Draft(std::move(inner));
}

Result<Incoming> MailboxFiles::from_draft(Draft& draft) const {
  auto& inner = *draft.inner_;
  const auto now = wall_seconds();
  const auto date = draft.internal_date.value_or(now);
  const auto id = unique_id();
  spool::Records records;
  records.add(spool::Tag::email_id, id);
  records.add_number(spool::Tag::internal_date_ms, date * 1000);
  records.add_number(spool::Tag::save_date_ms, now * 1000);
  TRY_VOID(inner.writer.seal(spool::Kind::store, records));
  TRY(auto parsed, parse_file(inner.fd.get(), draft.size()));
  Incoming incoming;
  incoming.file = inner.path;
  incoming.unsynced_fd = inner.fd.get();
  incoming.keywords = draft.keywords;
  auto& record = incoming.record;
  record.internal_date = date;
  record.zone_minutes = draft.zone_minutes;
  record.save_date = now;
  record.size = draft.size();
  record.header_size = parsed.header_size;
  record.email_id = email_id_of(id, {});
  record.thread_id = parsed.thread_id != 0 ? parsed.thread_id : record.email_id;
  record.flags = draft.flags & kSystemFlags;
  stamp(parsed.cache_entry, record.email_id);
  incoming.cache_entry = std::make_shared<const std::string>(std::move(parsed.cache_entry));
  return incoming;
}

Result<Appended> MailboxFiles::append(std::vector<Draft> drafts, QuotaLimit limit) {
  Appended result;
  result.uidvalidity = entry_.uidvalidity;
  if (drafts.empty()) return result;
  std::vector<Incoming> messages;
  for (auto& draft : drafts) {
    TRY(auto message, from_draft(draft));
    messages.push_back(std::move(message));
  }
  TRY(auto landing, land(messages, limit));
  durable::Batch batch;
  landing.add_to(batch);
  TRY_VOID(durable::commit(std::move(batch)));
  result.uids = landing.uids();
  TRY_VOID(landing.publish());
  return result;
}

Result<Appended> MailboxFiles::append_bytes(std::string_view message, std::uint32_t flags,
                                            std::optional<std::int64_t> internal_date, QuotaLimit limit) {
  TRY(auto draft, begin_append(message.size(), limit));
  draft.flags = flags;
  draft.internal_date = internal_date;
  TRY_VOID(draft.write(message));
  std::vector<Draft> drafts;
  drafts.push_back(std::move(draft));
  return append(std::move(drafts), limit);
}

}  // namespace waxwing::store
