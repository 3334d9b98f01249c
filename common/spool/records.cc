#include "common/spool/records.h"

#include <fmt/format.h>
#include <array>

#include "common/spool/bytes.h"

namespace waxwing::spool {

namespace {
constexpr std::size_t kHeaderBytes = 8;
constexpr std::size_t kUsualBytes = 240;  // of a recipient, of an envelope without them

struct Name {
  Tag tag;
  const char* name;
};
constexpr std::array kNames = {
    Name{Tag::arrival_ms, "arrival-ms"},
    Name{Tag::email_id, "email-id"},
    Name{Tag::thread_id, "thread-id"},
    Name{Tag::sender, "sender"},
    Name{Tag::envelope_id, "envelope-id"},
    Name{Tag::ret, "ret"},
    Name{Tag::source_channel, "source-channel"},
    Name{Tag::auth_user, "auth-user"},
    Name{Tag::client, "client"},
    Name{Tag::helo, "helo"},
    Name{Tag::priority, "priority"},
    Name{Tag::body, "body"},
    Name{Tag::smtputf8, "smtputf8"},
    Name{Tag::queue_id, "queue-id"},
    Name{Tag::channel, "channel"},
    Name{Tag::deferred_until_ms, "deferred-until-ms"},
    Name{Tag::session_id, "session-id"},
    Name{Tag::held_reason, "held-reason"},
    Name{Tag::submission_flags, "submission-flags"},
    Name{Tag::deliver_by_ms, "deliver-by-ms"},
    Name{Tag::deliver_by_mode, "deliver-by-mode"},
    Name{Tag::mt_priority, "mt-priority"},
    Name{Tag::future_release, "future-release"},
    Name{Tag::submitter, "submitter"},
    Name{Tag::require_tls, "require-tls"},
    Name{Tag::recipient, "recipient"},
    Name{Tag::address, "address"},
    Name{Tag::original, "original-recipient"},
    Name{Tag::notify, "notify"},
    Name{Tag::host, "host"},
    Name{Tag::final_data, "final-data"},
    Name{Tag::intermediate, "intermediate"},
    Name{Tag::recipient_flags, "recipient-flags"},
    Name{Tag::internal_date_ms, "internal-date-ms"},
    Name{Tag::save_date_ms, "save-date-ms"},
    Name{Tag::delivered_to, "delivered-to"},
};

// The first record of bytes that are known to be whole ones; bytes go on behind it.
std::pair<std::uint16_t, std::string_view> take(std::string_view& bytes) {
  const auto tag = get_le<std::uint16_t>(bytes);
  const auto value = bytes.substr(kHeaderBytes, get_le<std::uint32_t>(bytes, 4));
  bytes.remove_prefix(kHeaderBytes + value.size());
  return {tag, value};
}

// Are they whole ones?
Result<> check(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    if (bytes.size() - at < kHeaderBytes)
      return permanent(fmt::format("record at offset {} is cut short", at));
    const auto reserved = get_le<std::uint16_t>(bytes, at + 2);
    const std::size_t length = get_le<std::uint32_t>(bytes, at + 4);
    if (reserved != 0)
      return permanent(fmt::format("record at offset {} has flags this version does not know", at));
    if (bytes.size() - at - kHeaderBytes < length)
      return permanent(fmt::format("record at offset {} says {} bytes, {} are left", at, length,
                                   bytes.size() - at - kHeaderBytes));
    at += kHeaderBytes + length;
  }
  return {};
}
}  // namespace

Records& Records::add(Tag tag, std::string_view value) {
  if (bytes_.empty()) bytes_.reserve(kUsualBytes);
  put_le(bytes_, static_cast<std::uint16_t>(tag));
  put_le<std::uint16_t>(bytes_, 0);
  put_le(bytes_, static_cast<std::uint32_t>(value.size()));
  bytes_ += value;
  return *this;
}

Records& Records::add_number(Tag tag, std::int64_t value) {
  std::string bytes;
  put_le(bytes, value);
  return add(tag, bytes);
}

std::optional<std::string_view> Records::find(Tag tag) const {
  for (std::string_view rest = bytes_; !rest.empty();)
    if (const auto [key, value] = take(rest); key == static_cast<std::uint16_t>(tag)) return value;
  return std::nullopt;
}

std::string_view Records::text(Tag tag) const {
  return find(tag).value_or(std::string_view());
}

std::int64_t Records::number(Tag tag, std::int64_t fallback) const {
  const auto value = find(tag);
  return value && value->size() == 8 ? get_le<std::int64_t>(*value) : fallback;
}

std::vector<std::string_view> Records::all(Tag tag) const {
  std::vector<std::string_view> values;
  for (std::string_view rest = bytes_; !rest.empty();)
    if (const auto [key, value] = take(rest); key == static_cast<std::uint16_t>(tag)) values.push_back(value);
  return values;
}

std::vector<std::pair<std::uint16_t, std::string_view>> Records::items() const {
  std::vector<std::pair<std::uint16_t, std::string_view>> all;
  for (std::string_view rest = bytes_; !rest.empty();) all.push_back(take(rest));
  return all;
}

Result<Records> Records::decode(std::string_view bytes) {
  TRY_VOID(check(bytes));
  Records records;
  records.bytes_ = bytes;
  return records;
}

Result<TagIndex> TagIndex::of(std::string_view bytes) {
  TRY_VOID(check(bytes));
  return TagIndex(bytes);
}

void TagIndex::fill() {
  for (std::string_view rest = bytes_; !rest.empty();) {
    const auto [key, value] = take(rest);
    const auto tag = static_cast<Tag>(key);
    if (tag == Tag::recipient) recipients_.push_back(value);
    auto& begin = begins_[slot(tag)];
    if (slot(tag) != 0 && begin == 0) begin = static_cast<std::uint32_t>(value.data() - bytes_.data());
  }
}

std::string_view TagIndex::text(Tag tag) const {
  const auto begin = begins_[slot(tag)];
  return begin == 0 ? std::string_view() : bytes_.substr(begin, get_le<std::uint32_t>(bytes_, begin - 4));
}

std::int64_t TagIndex::number(Tag tag, std::int64_t fallback) const {
  const auto value = text(tag);
  return value.size() == 8 ? get_le<std::int64_t>(value) : fallback;
}

std::string tag_name(std::uint16_t tag) {
  for (const auto& row : kNames)
    if (static_cast<std::uint16_t>(row.tag) == tag) return row.name;
  return fmt::format("tag-0x{:04x}", tag);
}

}  // namespace waxwing::spool
