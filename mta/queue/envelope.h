// The envelope of one queue file: who sent the message, and the recipients one channel has to see to.
//
// On disk it is the records of a message file (common/spool); what changes while the message lies in the
// queue (status, attempts, last answer) is in the recipients' slots. Plain data, no thread rules.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/spool/message_file.h"

namespace waxwing::mta::queue {

enum class Priority { nonurgent = 0, normal = 1, urgent = 2 };
const char* priority_name(Priority priority);  // "nonurgent", "normal", "urgent"

enum class Status : std::uint8_t {
  pending = 0,
  delivered = 'D',  // by this channel: stored, or handed to the next host
  failed = 'F',     // for ever; the sender has been told where that was due
  removed = 'X',    // taken out by an operator without a word to the sender
};

// The queue's three for the nineteen of MT-PRIORITY: the levels of MIXER (RFC 6710 appendix).
Priority priority_of(int mt_priority);

// What the times of warnings and of the return are counted by.
struct Clock {
  std::int64_t begun_ms = 0;  // when it arrived, or was released
  std::int64_t by_ms = 0;     // DELIVERBY (RFC 2852): then it is late; 0: never
  bool by_returns = false;    // and is returned, not only told of

  bool over(std::int64_t now_ms) const { return by_returns && by_ms != 0 && by_ms <= now_ms; }
};

// What has happened to a recipient so far. Kept in its slot.
struct Progress {
  Status status = Status::pending;
  bool give_back = false;  // while pending: an operator wants it returned to the sender, not tried again
  unsigned attempts = 0;
  unsigned notices = 0;              // delay notifications sent
  std::int64_t last_attempt_ms = 0;  // 0: never tried
  std::string last_text;             // "4.4.1 connect to mx.example.org: refused"; cut to what the slot holds
};

// A word of Recipient::flags: no automatic replies.
inline constexpr std::string_view kNoVacation = "novacation";

struct Recipient {
  std::string address;   // RCPT TO of the next hop; for the store: user part @ channel tag
  std::string original;  // ORCPT "rfc822;a@b", decoded; the address as the sender gave it when there was none
  std::string intermediate;  // address before alias expansion when it differs; may be empty
  std::string notify;        // "NEVER", "SUCCESS,FAILURE,DELAY" in part, or empty: RFC 3461 default
  std::string host;          // destination host: the unit of scheduling. Never empty in a queue file
  std::string final_data;    // the channel's own: for ims-ms "mailbox\tfolder\tpartition"; may be empty
  std::string flags;         // words the channel understands
  Progress progress;

  bool has_flag(std::string_view word) const;
  bool wants(const char* event) const;  // "SUCCESS", "FAILURE", "DELAY"; RFC 3461 §4.1 default without notify
};

struct Envelope {
  std::string queue_id;     // the same in all files of one message; the qid of log events
  std::string email_id;     // OBJECTID EMAILID in the store; filled by Writer when empty
  std::string channel;      // destination channel
  std::string sender;       // "" is the null sender
  std::string envelope_id;  // ENVID, decoded
  std::string ret;          // "FULL", "HDRS" or ""
  std::string source_channel;
  std::string auth_user;
  std::string client;  // address of the client; "" when internal
  std::string helo;
  std::string session_id;
  std::string body;  // "7BIT", "8BITMIME", "BINARYMIME" or ""
  bool smtputf8 = false;
  Priority priority = Priority::normal;
  std::int64_t arrival_ms = 0;         // wall time; filled by Writer when 0
  std::int64_t deferred_until_ms = 0;  // not to be tried before
  std::string future_release;          // what FUTURERELEASE asked for: "for;3600"; "" nothing
  std::int64_t deliver_by_ms = 0;      // DELIVERBY; 0: never late
  bool by_returns = false, by_trace = false;
  std::optional<int> mt_priority;  // RFC 6710, as the sender gave it
  std::string submitter;           // address of who has logged in to send it; "": not known
  bool require_tls = false;        // REQUIRETLS (RFC 8689)
  std::string held_reason;         // not empty: the file is published as .HELD
  std::vector<Recipient> recipients;
  // Not in the file: what CHARSET-CONVERSION says of the way, "\t", and the conversion tags that it was told of.
  std::string reformat;

  Clock clock() const { return {std::max(arrival_ms, deferred_until_ms), deliver_by_ms, by_returns}; }
};

// Slots hold a Progress each: 256 bytes up to 64 recipients, then 64 (shorter last_text).
std::uint16_t slot_bytes_for(std::size_t recipients);
std::string encode_progress(const Progress& progress, std::size_t slot_bytes);
// A slot torn by a crash loses its text, never its status.
Progress decode_progress(std::string_view slot);

spool::Records to_records(const Envelope& envelope);
// Permanent error when something a queue file must have is missing.
Result<Envelope> from_records(const spool::Records& records);

}  // namespace waxwing::mta::queue
