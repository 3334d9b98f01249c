// One record of the commit journal: its bytes, and its way there and back.
//
//   header, 32 bytes, little endian:
//     u16 magic 0x4a57   u16 type   u32 payload bytes   u64 lsn   u64 XXH3 of the payload   u64 chain
//   payload, then zeros up to a multiple of eight
//
// lsn (log sequence number) is the record's place in the endless log. chain is XXH3 of the 24 bytes before
// it, seeded with the chain of the record before: a record counts only behind the very record it was written
// behind. Without that, bytes of a writer that died before it published them could follow a later record of
// fitting length and be taken for its successor.
//
// Payloads (n: u32 length, o: u64; the last text takes the rest):
//   content             o since, n path, path, bytes
//   old content         n path, path, bytes
//   renamed, linked     n from, from, to
//   removed, standing   path
//   stands              o since, path
//   range               n path, n guard, o offset, o guard offset, path, guard, bytes
//   aged                n path, n guard, o offset, o guard offset, the numbers of Ageing (u16 each), path, guard, bytes
//   synced              o since, o key
// A path below the instance root is written relative to it, so that a copied or moved instance can be
// replayed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/ageing.h"

namespace waxwing::durable {

enum class RecordType : std::uint16_t {
  old_content = 1,  // path holds exactly bytes; decoded as content whose since is its own lsn, not written
  renamed = 2,      // from is now to
  linked = 3,       // to is another name of from
  removed = 4,      // path is gone
  range = 5,        // bytes stand in path at offset, if guard stands at guard offset
  standing = 6,     // path is on disk as it is: what was said of this name before is void; read, not written
  stands = 7,       // path was on disk when it was synced; that began when the log ended at since
  content = 8,      // path holds exactly bytes; they were there, and read, after the log had ended at since
  synced = 9,       // no change: the log before since was on disk when this was written; no path
  aged = 10,        // a range whose pieces tell their age: those that are newer in the file stay
};
const char* name_of(RecordType type);

constexpr std::size_t kRecordHeaderBytes = 32;
constexpr std::size_t kMostRecordBytes = 512 << 10;  // header and payload; segments are never smaller

// Views into the bytes it was decoded from.
struct JournalRecord {
  RecordType type = RecordType::removed;
  std::uint64_t lsn = 0;
  std::uint64_t end = 0;    // where the next record begins
  std::uint64_t chain = 0;  // what it must follow
  std::string_view path;    // of renamed and linked: from
  std::string_view to;
  std::string_view bytes;
  std::uint64_t offset = 0, guard_offset = 0;
  std::string_view guard;
  std::uint64_t since = 0;  // of standing, old_content: its own lsn
  std::uint64_t key = 0;    // of synced: that of the log's segments, see journal_segment.h
  Ageing ageing;            // of aged
};

// Each appends one record without lsn and chain.
void encode_content(std::string& out, std::uint64_t since, std::string_view path, std::string_view bytes);
void encode_names(std::string& out, RecordType type, std::string_view from, std::string_view to);
void encode_name(std::string& out, RecordType type, std::string_view path);
void encode_stands(std::string& out, std::uint64_t since, std::string_view path);
void encode_range(std::string& out, std::string_view path, std::uint64_t offset, std::string_view bytes,
                  std::uint64_t guard_offset, std::string_view guard, const Ageing& ageing = {});
void encode_synced(std::string& out, std::uint64_t since, std::uint64_t key);
// A content whose bytes are yet to be read: begin, put exactly size bytes at the place answered, end.
char* begin_content(std::string& out, std::uint64_t since, std::string_view path, std::size_t size);
void end_content(std::string& out, std::size_t record_at);

// Bytes of the first record of encoded records, padding included.
std::size_t record_bytes(std::string_view records);
// Gives the records at the front of out, which follow each other, their lsn and chain; answers the last
// chain.
std::uint64_t seal_records(char* records, std::size_t count_bytes, std::uint64_t lsn, std::uint64_t chain);

// The record at the front of bytes, if it is whole and follows chain at lsn. Never reads beyond bytes.
std::optional<JournalRecord> decode_record(std::string_view bytes, std::uint64_t lsn, std::uint64_t chain);

// The same, whatever it follows. Who wrote it is not known then: anybody's bytes, in a message, may look like one.
std::optional<JournalRecord> decode_alone(std::string_view bytes, std::uint64_t lsn);
// What a record whose payload is damaged may have been about: its header follows chain at lsn, so that it is known
// where the next one begins. Its texts are to be shown to people only.
std::optional<JournalRecord> decode_damaged(std::string_view bytes, std::uint64_t lsn, std::uint64_t chain);

// Does a record of this place in the log begin here? Its header says so; nothing is known of its bytes.
bool is_record_at(std::string_view bytes, std::uint64_t lsn);
// The place that a record's header names; bytes hold at least a header.
std::uint64_t lsn_of_record(std::string_view bytes);

// What bytes of the log may be trusted with: pieces that are neither empty nor "." nor "..", no NUL.
bool is_plain_path(std::string_view path);

}  // namespace waxwing::durable
