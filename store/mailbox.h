// One mailbox: its messages, their flags, and a session's steady view of them.
//
// Mailbox is shared by all sessions of the process that have it open; View belongs to one session.
//
// Reading takes no lock: the index is mapped, a writer appends and then publishes. Writing takes the
// mailbox's lock for the time of a few memory writes; no lock is held while the disk works. Every
// writing function answers when its change is durable and shown to others; sessions that write at the same moment share the
// flush.
//
// Blocking: functions of Mailbox block unless marked; those of View never do, apart from page faults,
// and can be called on a loop.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/file.h"
#include "common/base/result.h"
#include "store/store.h"

namespace waxwing::store {

// System flags, as bits. \Recent is the View's.
enum : std::uint32_t {
  kSeen = 1,
  kAnswered = 2,
  kFlagged = 4,
  kDeleted = 8,
  kDraft = 16,
  kSystemFlags = 31,
};

inline constexpr std::size_t kMaxKeywords = 128;  // per mailbox
inline constexpr std::size_t kMaxKeywordBytes = 63;

// Which of the mailbox's keywords a message has: bit n is keywords()[n].
struct KeywordSet {
  std::array<std::uint64_t, 2> bits{};
  bool has(std::size_t n) const { return bits[n / 64] >> (n % 64) & 1; }
  void set(std::size_t n) { bits[n / 64] |= std::uint64_t{1} << (n % 64); }
  bool empty() const { return bits[0] == 0 && bits[1] == 0; }
  friend bool operator==(const KeywordSet&, const KeywordSet&) = default;
};

// A message as the index knows it: a copy, never torn.
struct MessageInfo {
  std::uint32_t uid = 0;
  std::uint32_t flags = 0;
  KeywordSet keywords;
  std::uint64_t modseq = 0;
  std::int64_t internal_date = 0;  // seconds since 1970 UTC
  std::int32_t zone_minutes = 0;   // the zone INTERNALDATE was given in
  std::int64_t save_date = 0;      // when it came into this mailbox (RFC 8514)
  std::uint64_t size = 0;          // RFC822.SIZE
  std::uint32_t header_size = 0;   // octets up to and with the blank line
  std::uint64_t email_id = 0;      // RFC 8474: same for all copies; print with email_id_text()
  std::uint64_t thread_id = 0;
  std::uint64_t cache_offset = 0;  // private to the store
};
std::string email_id_text(std::uint64_t email_id);    // "E0123456789abcdef"
std::string thread_id_text(std::uint64_t thread_id);  // "T0123456789abcdef"

// What FETCH answers from without opening the message. Views into `keep`, valid while it lives.
struct CachedMessage {
  std::string_view envelope;       // "(...)" as ENVELOPE prints it
  std::string_view body;           // BODY
  std::string_view bodystructure;  // BODYSTRUCTURE
  std::string_view headers;        // the raw header lines kept, see is_cached_header(), in message order
  std::string_view preview;        // RFC 8970, UTF-8, at most 256 bytes
  std::shared_ptr<const void> keep;
};
// True when every header line of that name is in CachedMessage::headers: Date From Sender Reply-To To Cc
// Bcc Subject Message-ID In-Reply-To References Content-Type List-Id List-Post X-Priority Importance ...
bool is_cached_header(std::string_view name);

// The bytes of one message, CRLF as stored. Stays readable after the message is expunged.
class MessageBytes {
 public:
  MessageBytes(UniqueFd fd, std::uint64_t size) : fd_(std::move(fd)), size_(size) {}
  std::uint64_t size() const { return size_; }
  int fd() const { return fd_.get(); }  // message bytes are [0, size): fit for sendfile
  // Up to count bytes at offset; fewer only at the end.
  Result<std::string> read(std::uint64_t offset, std::size_t count) const;

 private:
  UniqueFd fd_;
  std::uint64_t size_;
};

struct UidRange {
  std::uint32_t first = 0, last = 0;  // both inclusive, first <= last
  friend bool operator==(const UidRange&, const UidRange&) = default;
};
using UidSet = std::vector<UidRange>;  // ascending, not overlapping; ranges may name UIDs that are not there
// Adds to the end; uid must be above all in it.
void add_uid(UidSet& set, std::uint32_t uid);

// ---- writing ------------------------------------------------------------------------------------
struct FlagChange {
  enum class How { add, remove, replace } how = How::add;
  std::uint32_t flags = 0;
  std::vector<std::string> keywords;             // by name; a new one is entered in the mailbox's table
  std::optional<std::uint64_t> unchanged_since;  // RFC 7162 3.1.3
};
struct FlagResult {
  std::uint64_t modseq = 0;  // of this change; 0 when nothing changed
  UidSet changed;            // flags are different now
  UidSet modified;           // left alone: changed after unchanged_since
};

// A message on its way in. What does not stay in memory is written to a file of the partition as it comes.
class Draft {
 public:
  Draft(Draft&&) noexcept;
  Draft& operator=(Draft&&) noexcept;
  ~Draft();  // what was not appended is removed
  // Blocks when the bytes do not stay in memory: 64 KiB of a message do.
  Result<> write(std::string_view bytes);
  bool stays_in_memory(std::size_t more_bytes) const;
  std::uint64_t size() const;
  const std::string& message_id() const;  // the Message-ID, once it was appended or delivered

  std::uint32_t flags = 0;
  std::vector<std::string> keywords;
  std::optional<std::int64_t> internal_date;  // now when absent
  std::int32_t zone_minutes = 0;

  struct Inner;  // for the store's own rooms
  explicit Draft(std::unique_ptr<Inner> inner);
  Inner& inner() { return *inner_; }

 private:
  std::unique_ptr<Inner> inner_;
};

struct Appended {
  std::uint32_t uidvalidity = 0;
  std::vector<std::uint32_t> uids;  // in the order of the drafts or source messages
};
struct Copied {
  std::uint32_t uidvalidity = 0;        // of the target
  std::vector<std::uint32_t> from, to;  // same length; messages that were gone are left out
};

class View;

class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  virtual ~Mailbox() = default;

  // ---- never block ----
  virtual MailboxEntry entry() const = 0;  // as of opening; the name follows renames when they are heard of
  virtual Status status() const = 0;
  virtual std::vector<std::string> keywords() const = 0;  // only grows; position = bit
  virtual bool deleted() const = 0;

  // read_write claims \Recent (SELECT); otherwise EXAMINE. Blocks only when the index must be mended.
  virtual Result<std::unique_ptr<View>> view(bool read_write) = 0;

  // From the cache; parses the message when the cache has no good entry. Usually does not block.
  virtual Result<CachedMessage> cached(const MessageInfo& message) = 0;
  // The same, only when it needs no disk: nullopt when the message would have to be parsed. Never blocks.
  virtual std::optional<CachedMessage> cached_now(const MessageInfo& message) = 0;
  // Code::nonexistent when it was purged meanwhile.
  virtual Result<MessageBytes> open_message(const MessageInfo& message) = 0;

  // ---- writing ----
  // Refused at once with Code::over_quota when bytes_expected does not fit under the limit.
  virtual Result<Draft> begin_append(std::uint64_t bytes_expected, QuotaLimit limit) = 0;
  // All or none. The drafts are used up.
  virtual Result<Appended> append(std::vector<Draft> drafts, QuotaLimit limit) = 0;
  // Convenience for small messages.
  virtual Result<Appended> append_bytes(std::string_view message, std::uint32_t flags = 0,
                                        std::optional<std::int64_t> internal_date = {},
                                        QuotaLimit limit = {}) = 0;
  virtual Result<FlagResult> store_flags(const UidSet& uids, const FlagChange& change) = 0;
  // Those in the set; with only_deleted those of them flagged \Deleted. Answers what was expunged.
  virtual Result<UidSet> expunge(const UidSet& uids, bool only_deleted) = 0;
  // Flags, keywords, dates and ids go along; files are linked within a partition. All or none.
  virtual Result<Copied> copy(const UidSet& uids, Mailbox& target, QuotaLimit limit) = 0;
  // copy, durable, then expunge here: a crash between leaves both, never none. Each message ends in one place, however
  // many move it at the same time; answers those that this call has moved. Quota does not apply within one user.
  virtual Result<Copied> move(const UidSet& uids, Mailbox& target, QuotaLimit limit) = 0;

  // UIDs expunged with a modseq above `since` (QRESYNC VANISHED). nullopt: not known that far back;
  // the caller then answers with every UID below uidnext that is not there.
  virtual std::optional<UidSet> expunged_since(std::uint64_t since) = 0;
};

// What a session has to tell its client. Sequence numbers in `expunged` are to be sent in the order
// given (descending, so each is right when it is sent); those in `changed` are right after them.
struct Changes {
  std::vector<std::uint32_t> expunged;
  UidSet vanished;                     // the same as UIDs
  std::vector<std::uint32_t> changed;  // flags or modseq differ, ascending; new messages are not in it
  std::uint32_t exists = 0;
  std::uint32_t recent = 0;
  bool new_messages = false;      // exists grew: send EXISTS, RECENT
  bool keywords_grew = false;     // send FLAGS, PERMANENTFLAGS
  bool expunges_waiting = false;  // there are some, but they were not allowed now
  bool deleted =
      false;  // the mailbox is gone, got another UIDVALIDITY, or its index was cut short: end the session
  bool empty() const {
    return expunged.empty() && changed.empty() && !new_messages && !keywords_grew && !deleted;
  }
};

// A session's picture: sequence numbers stay as they are until sync() says otherwise. Flags read through
// it are always the newest. Not thread-safe; never blocks.
class View {
 public:
  virtual ~View() = default;
  virtual std::uint32_t exists() const = 0;
  virtual std::uint32_t recent() const = 0;
  virtual std::uint32_t first_unseen() const = 0;  // sequence number; 0: none
  virtual std::uint32_t uidnext() const = 0;       // as far as this view has seen
  virtual std::uint32_t uidvalidity() const = 0;
  virtual std::uint64_t highestmodseq() const = 0;
  virtual Mailbox& mailbox() const = 0;

  // sequence is 1..exists(). O(1), or O(log expunged). A message expunged by others that this session has
  // not been told of is still answered; opening it may say nonexistent.
  virtual MessageInfo message(std::uint32_t sequence) const = 0;
  virtual std::uint32_t uid(std::uint32_t sequence) const = 0;
  virtual std::uint32_t sequence_of(std::uint32_t uid) const = 0;  // 0: not in this view
  // First sequence number whose UID is >= uid; exists()+1 when none.
  virtual std::uint32_t sequence_from(std::uint32_t uid) const = 0;
  virtual bool is_recent(std::uint32_t uid) const = 0;

  // Takes in what happened. Costs what changed, not the mailbox's size. allow_expunge false during FETCH,
  // STORE, SEARCH (RFC 3501 7.4.1). The session's own changes are reported too; leave_out(result) first
  // for what the client asked to be .SILENT about.
  virtual Changes sync(bool allow_expunge) = 0;
  // True when sync() would find something: one memory read.
  virtual bool stale() const = 0;
  // The next sync() does not report flag changes of these UIDs up to that modseq.
  virtual void leave_out(const UidSet& uids, std::uint64_t modseq) = 0;
};

}  // namespace waxwing::store
