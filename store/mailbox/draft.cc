// Drafts and APPEND.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/random.h"
#include "common/base/spread.h"
#include "common/base/time.h"
#include "common/spool/message_file.h"
#include "store/detail/errors.h"
#include "store/detail/partitions.h"
#include "store/mailbox/draft.h"
#include "store/mailbox/files.h"

namespace waxwing::store {

Draft::Draft(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Draft::Draft(Draft&&) noexcept = default;
Draft& Draft::operator=(Draft&&) noexcept = default;
Draft::~Draft() = default;
Result<> Draft::write(std::string_view bytes) {
  return inner_->write(bytes);
}
bool Draft::stays_in_memory(std::size_t more) const {
  return inner_->stays_in_memory(more);
}
std::uint64_t Draft::size() const {
  return inner_->size();
}
const std::string& Draft::message_id() const {
  return inner_->message_id;
}

Draft::Inner::~Inner() {
  if (temporary_name_) ::unlink(path.c_str());
}

Result<> Draft::Inner::write(std::string_view bytes) {
  if (stays_in_memory(bytes.size())) {
    small += bytes;
    return {};
  }
  if (!fd) TRY_VOID(make_file());
  return writer->write(bytes);
}

Result<> Draft::Inner::make_file() {
  // Else tmp/ would be made below the mount point, and what is not mounted would look as if it had files.
  TRY_VOID(check_present(partition_path));
  TRY(auto made, create_spread_file(drafts_of(partition_path), unique_id() + ".msg"));
  path = std::move(made.path);
  fd = std::move(made.fd);
  temporary_name_ = true;
  writer.emplace(fd.get());
  TRY_VOID(writer->write(small));
  small = std::string();
  return {};
}

Result<ParsedMessage> Draft::Inner::parse() const {
  return fd ? parse_file(fd.get(), size()) : parse_for_cache(small);
}

Result<> Draft::Inner::seal(const spool::Records& with) {
  if (fd) return writer->seal(spool::Kind::store, with);
  records_ = with;
  return {};
}

Result<> Draft::Inner::write_at(const std::string& message_path) {
  TRY(auto made, open_file(message_path, O_RDWR | O_CREAT | O_EXCL));
  spool::MessageFileWriter whole(made.get());
  auto written = whole.write(small);
  if (written) written = whole.seal(spool::Kind::store, records_);
  if (!written) {
    ::unlink(message_path.c_str());
    return written;
  }
  fd = std::move(made);
  path = message_path;
  return {};
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
  return Draft(std::make_unique<Draft::Inner>(partition_path_));
}

Result<Incoming> incoming_from(Draft::Inner& draft, const DraftFacts& facts) {
  const auto id = unique_id();
  Incoming incoming;
  incoming.draft = &draft;
  auto& record = incoming.record;
  record.save_date = wall_seconds();
  record.internal_date = facts.internal_date.value_or(record.save_date);
  record.zone_minutes = facts.zone_minutes;
  record.size = draft.size();
  record.email_id = email_id_of(id, {});
  spool::Records records;
  records.add(spool::Tag::email_id, id);
  records.add_number(spool::Tag::internal_date_ms, record.internal_date * 1000);
  records.add_number(spool::Tag::save_date_ms, record.save_date * 1000);
  if (!facts.log_id.empty()) records.add(spool::Tag::queue_id, facts.log_id);
  TRY_VOID(draft.seal(records));
  TRY(auto parsed, draft.parse());
  draft.message_id = std::move(parsed.message_id);
  record.header_size = parsed.header_size;
  record.thread_id = parsed.thread_id != 0 ? parsed.thread_id : record.email_id;
  stamp(parsed.cache_entry, record.email_id);
  incoming.cache_entry = std::make_shared<const std::string>(std::move(parsed.cache_entry));
  return incoming;
}

Result<Appended> MailboxFiles::append(std::vector<Draft> drafts, QuotaLimit limit) {
  Appended result;
  result.uidvalidity = entry().uidvalidity;
  if (drafts.empty()) return result;
  std::vector<Incoming> messages;
  for (auto& draft : drafts) {
    const DraftFacts facts{draft.internal_date, draft.zone_minutes, {}};
    TRY(auto message, incoming_from(draft.inner(), facts));
    message.record.flags = draft.flags & kSystemFlags;
    message.keywords = draft.keywords;
    messages.push_back(std::move(message));
  }
  TRY(auto landing, land(messages, limit));
  durable::Batch batch;
  landing.add_to(batch);
  TRY_VOID(durable::commit(std::move(batch)));
  result.uidvalidity = landing.uidvalidity();
  result.uids = landing.uids();
  TRY_VOID(landing.publish());
  landing.wait_until_shown();
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
