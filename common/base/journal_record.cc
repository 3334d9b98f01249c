#include "common/base/journal_record.h"

#include <algorithm>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace waxwing::durable {

namespace {
constexpr std::uint16_t kMagic = 0x4a57;  // "WJ"

struct Header {
  std::uint16_t magic, type;
  std::uint32_t payload_bytes;
  std::uint64_t lsn, payload_hash, chain;
};
static_assert(sizeof(Header) == kRecordHeaderBytes);

constexpr std::size_t padded(std::size_t bytes) {
  return (bytes + 7) & ~std::size_t{7};
}

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
T take(std::string_view& from) {
  T value{};
  if (from.size() < sizeof value) {
    from = {};
    return value;
  }
  std::memcpy(&value, from.data(), sizeof value);
  from.remove_prefix(sizeof value);
  return value;
}

std::string_view take_bytes(std::string_view& from, std::size_t count) {
  const auto taken = from.substr(0, count);
  from.remove_prefix(taken.size());
  return taken;
}

std::size_t begin(std::string& out, RecordType type) {
  const auto at = out.size();
  const Header header{kMagic, static_cast<std::uint16_t>(type), 0, 0, 0, 0};
  out.append(reinterpret_cast<const char*>(&header), sizeof header);
  return at;
}

void end(std::string& out, std::size_t at) {
  const auto payload = std::string_view(out).substr(at + sizeof(Header));
  Header header;
  std::memcpy(&header, out.data() + at, sizeof header);
  header.payload_bytes = static_cast<std::uint32_t>(payload.size());
  header.payload_hash = XXH3_64bits(payload.data(), payload.size());
  std::memcpy(out.data() + at, &header, sizeof header);
  out.resize(at + padded(out.size() - at));
}

std::uint64_t chain_of(const Header& header, std::uint64_t before) {
  return XXH3_64bits_withSeed(&header, offsetof(Header, chain), before);
}

// False when the lengths do not add up.
bool decode_payload(std::string_view payload, JournalRecord& record) {
  switch (record.type) {
    case RecordType::content:
      record.since = take<std::uint64_t>(payload);
      [[fallthrough]];
    case RecordType::renamed:
    case RecordType::linked: {
      const auto length = take<std::uint32_t>(payload);
      if (payload.size() < length) return false;
      record.path = take_bytes(payload, length);
      (record.type == RecordType::content ? record.bytes : record.to) = payload;
      return true;
    }
    case RecordType::stands:
      record.since = take<std::uint64_t>(payload);
      record.path = payload;
      return true;
    case RecordType::standing:
      record.since = record.lsn;
      [[fallthrough]];
    case RecordType::removed:
      record.path = payload;
      return true;
    case RecordType::old_content: {
      const auto length = take<std::uint32_t>(payload);
      if (payload.size() < length) return false;
      record.type = RecordType::content;
      record.since = record.lsn;
      record.path = take_bytes(payload, length);
      record.bytes = payload;
      return true;
    }
    case RecordType::synced:
      record.since = take<std::uint64_t>(payload);
      record.key = take<std::uint64_t>(payload);
      return true;
    case RecordType::range:
    case RecordType::aged: {
      const auto path_length = take<std::uint32_t>(payload);
      const auto guard_length = take<std::uint32_t>(payload);
      record.offset = take<std::uint64_t>(payload);
      record.guard_offset = take<std::uint64_t>(payload);
      if (record.type == RecordType::aged) record.ageing = take<Ageing>(payload);
      if (record.type == RecordType::aged && record.ageing.piece_bytes == 0) return false;
      if (payload.size() < std::size_t{path_length} + guard_length) return false;
      record.path = take_bytes(payload, path_length);
      record.guard = take_bytes(payload, guard_length);
      record.bytes = payload;
      return true;
    }
  }
  return false;
}
}  // namespace

const char* name_of(RecordType type) {
  constexpr const char* kNames[] = {"content",  "renamed", "linked",  "removed", "range",
                                    "standing", "stands",  "content", "synced",  "aged"};
  const auto index = static_cast<std::size_t>(type) - 1;
  return index < std::size(kNames) ? kNames[index] : "unknown";
}

char* begin_content(std::string& out, std::uint64_t since, std::string_view path, std::size_t size) {
  begin(out, RecordType::content);
  put(out, since);
  put(out, static_cast<std::uint32_t>(path.size()));
  out += path;
  const auto at = out.size();
  // Not zeroed first: the bytes are read into place. The size that libstdc++ 12 hands to the function is the
  // new capacity, not the one asked for.
  out.resize_and_overwrite(at + size, [&](char*, std::size_t) { return at + size; });
  return out.data() + at;
}

void end_content(std::string& out, std::size_t record_at) {
  end(out, record_at);
}

void encode_content(std::string& out, std::uint64_t since, std::string_view path, std::string_view bytes) {
  const auto at = out.size();
  std::ranges::copy(bytes, begin_content(out, since, path, bytes.size()));
  end(out, at);
}

void encode_names(std::string& out, RecordType type, std::string_view from, std::string_view to) {
  const auto at = begin(out, type);
  put(out, static_cast<std::uint32_t>(from.size()));
  out.append(from).append(to);
  end(out, at);
}

void encode_name(std::string& out, RecordType type, std::string_view path) {
  const auto at = begin(out, type);
  out += path;
  end(out, at);
}

void encode_stands(std::string& out, std::uint64_t since, std::string_view path) {
  const auto at = begin(out, RecordType::stands);
  put(out, since);
  out += path;
  end(out, at);
}

void encode_range(std::string& out, std::string_view path, std::uint64_t offset, std::string_view bytes,
                  std::uint64_t guard_offset, std::string_view guard, const Ageing& ageing) {
  const bool aged = ageing.piece_bytes != 0;
  const auto at = begin(out, aged ? RecordType::aged : RecordType::range);
  put(out, static_cast<std::uint32_t>(path.size()));
  put(out, static_cast<std::uint32_t>(guard.size()));
  put(out, offset);
  put(out, guard_offset);
  if (aged) put(out, ageing);
  out.append(path).append(guard).append(bytes);
  end(out, at);
}

void encode_synced(std::string& out, std::uint64_t since, std::uint64_t key) {
  const auto at = begin(out, RecordType::synced);
  put(out, since);
  put(out, key);
  end(out, at);
}

std::size_t record_bytes(std::string_view records) {
  Header header;
  std::memcpy(&header, records.data(), sizeof header);
  return padded(sizeof header + header.payload_bytes);
}

std::uint64_t seal_records(char* records, std::size_t count_bytes, std::uint64_t lsn, std::uint64_t chain) {
  for (std::size_t at = 0; at < count_bytes;) {
    Header header;
    std::memcpy(&header, records + at, sizeof header);
    header.lsn = lsn + at;
    header.chain = chain = chain_of(header, chain);
    std::memcpy(records + at, &header, sizeof header);
    at += padded(sizeof header + header.payload_bytes);
  }
  return chain;
}

namespace {
// The header of a record that lies within bytes.
std::optional<Header> header_at(std::string_view bytes, std::uint64_t lsn) {
  if (!is_record_at(bytes, lsn)) return {};
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (padded(sizeof header + header.payload_bytes) > bytes.size()) return {};
  return header;
}

// Nothing when its lengths do not add up.
std::optional<JournalRecord> with_payload(const Header& header, std::string_view bytes) {
  JournalRecord record;
  record.type = static_cast<RecordType>(header.type);
  record.lsn = header.lsn;
  record.end = header.lsn + padded(sizeof header + header.payload_bytes);
  record.chain = header.chain;
  if (!decode_payload(bytes.substr(sizeof header, header.payload_bytes), record)) return {};
  return record;
}

bool payload_is_whole(const Header& header, std::string_view bytes) {
  return XXH3_64bits(bytes.data() + sizeof header, header.payload_bytes) == header.payload_hash;
}
}  // namespace

std::optional<JournalRecord> decode_record(std::string_view bytes, std::uint64_t lsn, std::uint64_t chain) {
  const auto header = header_at(bytes, lsn);
  if (!header || header->chain != chain_of(*header, chain) || !payload_is_whole(*header, bytes)) return {};
  return with_payload(*header, bytes);
}

std::optional<JournalRecord> decode_alone(std::string_view bytes, std::uint64_t lsn) {
  const auto header = header_at(bytes, lsn);
  if (!header || !payload_is_whole(*header, bytes)) return {};
  return with_payload(*header, bytes);
}

std::optional<JournalRecord> decode_damaged(std::string_view bytes, std::uint64_t lsn, std::uint64_t chain) {
  const auto header = header_at(bytes, lsn);
  if (!header || header->chain != chain_of(*header, chain)) return {};
  if (auto record = with_payload(*header, bytes)) return record;
  JournalRecord record;
  record.type = static_cast<RecordType>(header->type);
  record.lsn = lsn;
  record.end = lsn + padded(sizeof(Header) + header->payload_bytes);
  record.chain = header->chain;
  return record;
}

bool is_record_at(std::string_view bytes, std::uint64_t lsn) {
  if (bytes.size() < sizeof(Header)) return false;
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header.magic == kMagic && header.lsn == lsn && header.payload_bytes <= kMostRecordBytes;
}

std::uint64_t lsn_of_record(std::string_view bytes) {
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header.lsn;
}

bool is_plain_path(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  if (path.empty() || path.size() > 4000 || path.find('\0') != std::string_view::npos) return false;
  for (;;) {
    const auto slash = path.find('/');
    const auto piece = path.substr(0, slash);
    if (piece.empty() || piece == "." || piece == "..") return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace waxwing::durable
