// The records of a message file: tagged values after the message bytes.
//
// On disk one record is: tag u16, reserved u16 (0), length u32, then length bytes; numbers little-endian, no
// padding. Tags may repeat (recipients); order is kept; a reader skips tags it does not know, so that a tag
// can be added without a new file version. Not thread-safe; values are plain bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace waxwing::spool {

// Every tag of every room stands here, so that none is used twice. Never renumber.
enum class Tag : std::uint16_t {
  // Common to queue and store files.
  arrival_ms = 0x0001,  // i64: when Waxwing took the message; IMAP's INTERNALDATE when nothing else says
  email_id = 0x0002,    // text: OBJECTID EMAILID (RFC 8474), drawn when the file is written
  thread_id = 0x0003,   // text: OBJECTID THREADID, when it is known already

  // Queue: the envelope (mta/queue/envelope.h).
  sender = 0x0101,             // text; empty for the null sender
  envelope_id = 0x0102,        // text, decoded ENVID
  ret = 0x0103,                // text: "FULL", "HDRS"
  source_channel = 0x0104,     // text
  auth_user = 0x0105,          // text
  client = 0x0106,             // text: address of the client
  helo = 0x0107,               // text
  priority = 0x0108,           // i64: 0 nonurgent, 1 normal, 2 urgent
  body = 0x0109,               // text: "7BIT", "8BITMIME", "BINARYMIME"
  smtputf8 = 0x010a,           // i64: 1 when the sender asked for SMTPUTF8
  queue_id = 0x010b,           // text: unique id of the message, the same in all its queue files
  channel = 0x010c,            // text: channel this file was made for
  deferred_until_ms = 0x010d,  // i64: not to be tried before
  session_id = 0x010e,         // text: log id of the session that brought it
  held_reason = 0x010f,        // text
  submission_flags = 0x0110,   // text: words for the re-submitting channels
  deliver_by_ms = 0x0111,      // i64: when it should be delivered (RFC 2852)
  deliver_by_mode = 0x0112,    // text: "R" or "N", and "T"
  mt_priority = 0x0113,        // i64: -9 to 9 (RFC 6710)
  future_release = 0x0114,     // text: what FUTURERELEASE asked for: "for;3600"
  submitter = 0x0115,          // text: address of who submitted it (RFC 4954 §5)
  require_tls = 0x0116,        // i64: 1 when it goes over TLS only (RFC 8689)
  recipient = 0x0180,          // nested records, one recipient; slot i of the file belongs to the i-th

  // Inside a recipient record.
  address = 0x0201,          // text: what goes into RCPT TO
  original = 0x0202,         // text: ORCPT, decoded from xtext, "rfc822;a@b"
  notify = 0x0203,           // text: "NEVER", or of "SUCCESS,FAILURE,DELAY"
  host = 0x0204,             // text: destination host the channel works by
  final_data = 0x0205,       // text: channel data: for the store "uid@domain/folder"
  intermediate = 0x0206,     // text: address after alias expansion, for DSNs
  recipient_flags = 0x0207,  // text: words

  // Store: what a message file holds besides its bytes when the store wrote it.
  internal_date_ms = 0x0301,  // i64: INTERNALDATE given by APPEND
  save_date_ms = 0x0302,      // i64: SAVEDATE (RFC 8514)
  delivered_to = 0x0303,      // text
};

class Records {
 public:
  Records& add(Tag tag, std::string_view value);
  Records& add_number(Tag tag, std::int64_t value);  // eight bytes

  // First value of that tag; nothing when absent.
  std::optional<std::string_view> find(Tag tag) const;
  std::string_view text(Tag tag) const;                           // empty when absent
  std::int64_t number(Tag tag, std::int64_t fallback = 0) const;  // fallback when absent or not 8 bytes
  std::vector<std::string_view> all(Tag tag) const;
  std::vector<std::pair<std::uint16_t, std::string_view>> items() const;  // all, in order

  const std::string& encode() const { return bytes_; }
  // Permanent error naming the offset when the bytes are no records.
  static Result<Records> decode(std::string_view bytes);

 private:
  std::string bytes_;  // as on disk, whole: views into it are what find() and its like answer
};

// Of records that are asked for many tags: one walk finds the first value of each. Views into the bytes, which stay the
// caller's.
class TagIndex {
 public:
  // Permanent error naming the offset when the bytes are no records.
  static Result<TagIndex> of(std::string_view bytes);
  explicit TagIndex(const Records& records) : bytes_(records.encode()) { fill(); }

  bool has(Tag tag) const { return begins_[slot(tag)] != 0; }
  std::string_view text(Tag tag) const;                           // empty when absent
  std::int64_t number(Tag tag, std::int64_t fallback = 0) const;  // fallback when absent or not 8 bytes
  // Every value of the one tag that repeats.
  const std::vector<std::string_view>& recipients() const { return recipients_; }

 private:
  explicit TagIndex(std::string_view bytes) : bytes_(bytes) { fill(); }
  void fill();
  // Four pages of 32 tags; what is outside has the first place, which stays empty.
  static constexpr std::size_t slot(Tag tag) {
    const auto number = static_cast<unsigned>(tag);
    return (number & 0xffU) < 32 && number < 0x400 ? (number >> 8U) * 32 + (number & 31U) : 0;
  }

  std::string_view bytes_;
  std::array<std::uint32_t, 128> begins_{};  // behind the header; 0: absent
  std::vector<std::string_view> recipients_;
};

// "sender" for 0x0101, "tag-0x7777" for one that this version does not know: for dumps.
std::string tag_name(std::uint16_t tag);

}  // namespace waxwing::spool
