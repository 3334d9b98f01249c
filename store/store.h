// The message store: mailboxes by name, their list, subscriptions, quota.
//
// One Store a process, shared by all threads. Every function may block (disk, or a question to stored)
// unless its comment says "never blocks": coroutines call it through workers.run. All are thread-safe.
//
// Names. A mailbox is user/<uid>[@domain]/<folder>; the folder is UTF-8, '/' separates levels, INBOX is
// spelled in capitals. Modified UTF-7 is the IMAP server's business. Levels that hold no mailbox of
// their own need not exist: user/a/x/y can be there without user/a/x.
//
// stored down: what this process has asked before is answered from its cache; the rest waits for stored
// for store.stored.timeout seconds and then is a temporary error. Nothing acknowledged is ever lost by it.
//
// Errors carry a Code in front of their text, spelled as the IMAP response code where there is one
// ("[NONEXISTENT] no mailbox user/a/x"): see code_of().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/config/config.h"
#include "store/events.h"

namespace waxwing::store {

class Draft;
class Mailbox;

enum class Code {
  none,
  nonexistent,     // no such mailbox or message
  already_exists,  // create, rename
  over_quota,      // temporary within the grace, permanent when the message can never fit
  cannot,          // a name or keyword the store cannot hold
  limit,           // too many keywords, too long
  in_use,          // held by another for too long
  corrupt,         // a file is damaged; reconstruct mends it
  unavailable,     // stored does not answer
};
Code code_of(const Error& error);
// The text without the code in front.
std::string_view text_of(const Error& error);

struct MailboxName {
  std::string user;    // "alice" or "alice@other.test"
  std::string folder;  // "INBOX", "Sent/2026"

  std::string text() const { return "user/" + user + "/" + folder; }
  bool is_inbox() const { return folder == "INBOX"; }
  friend auto operator<=>(const MailboxName&, const MailboxName&) = default;

  // Checks and canonicalises (INBOX in any case, as first level). Refused: empty levels, control bytes,
  // invalid UTF-8, over 1000 bytes, a user with '/'. Code::cannot. Never blocks.
  static Result<MailboxName> make(std::string_view user, std::string_view folder);
  static Result<MailboxName> parse(std::string_view text);
};

// A row of the mailbox list.
struct MailboxEntry {
  MailboxName name;
  std::string id;           // MAILBOXID of RFC 8474: stays through renames, never used again
  std::string partition;    // nick
  std::string directory;    // absolute path of the mailbox's files
  std::string special_use;  // "\\Sent", several separated by blanks; empty: none (RFC 6154)
  std::uint32_t uidvalidity = 0;
};

struct Status {
  std::uint32_t messages = 0;
  std::uint32_t recent = 0;
  std::uint32_t unseen = 0;
  std::uint32_t deleted = 0;  // messages flagged \Deleted
  std::uint32_t uidnext = 1;
  std::uint32_t uidvalidity = 0;
  std::uint64_t size = 0;  // octets
  std::uint64_t highestmodseq = 1;
  std::string mailbox_id;
};

struct QuotaUsage {
  std::int64_t bytes = 0;
  std::int64_t messages = 0;
};
// From the user's directory entry (mailQuota, mailMsgQuota). -1: no limit.
struct QuotaLimit {
  std::int64_t bytes = -1;
  std::int64_t messages = -1;
};

class Store : public std::enable_shared_from_this<Store> {
 public:
  // Reads store.* options. Does not wait for stored. A process that serves loops calls it once at start.
  static Result<std::shared_ptr<Store>> open(std::shared_ptr<const Config> config);
  ~Store();

  // ---- the list ----
  Result<MailboxEntry> find(const MailboxName& name);  // Code::nonexistent
  // Empty special_use: none. Code::already_exists. partition: nick, empty for store.defaultpartition.
  Result<MailboxEntry> create(const MailboxName& name, std::string_view special_use = {},
                              std::string_view partition = {});
  // find, or create when it is missing. What deliveries and logins use for INBOX.
  Result<MailboxEntry> find_or_create(const MailboxName& name);
  // The mailbox and its messages; mailboxes below it stay. Code::nonexistent.
  Result<> remove(const MailboxName& name);
  // With everything below it, in one step. INBOX: its messages move to the new mailbox, INBOX stays
  // (RFC 3501 6.3.5). A mailbox must keep its user. Code::nonexistent, already_exists, cannot.
  Result<> rename(const MailboxName& from, const MailboxName& to);
  // All mailboxes of the user, sorted by name. Empty when there are none.
  Result<std::vector<MailboxEntry>> list(std::string_view user);
  // Every mailbox whose text() begins with prefix, in order, in pages; stops when the visitor answers false.
  Result<> for_each(std::string_view prefix, const std::function<bool(const MailboxEntry&)>& visitor);

  // ---- subscriptions: a name may be subscribed that does not exist (RFC 3501 6.3.6) ----
  Result<> subscribe(std::string_view user, const MailboxName& name);
  Result<> unsubscribe(std::string_view user, const MailboxName& name);
  Result<std::vector<MailboxName>> subscriptions(std::string_view user);  // sorted

  // ---- without opening ----
  Result<Status> status(const MailboxName& name);
  Result<Status> status(const MailboxEntry& entry);  // one read of the index header
  Result<QuotaUsage> quota_usage(std::string_view user);
  // Limits that apply when the directory entry has none: store.defaultmailboxquota, -messagequota.
  QuotaLimit default_quota() const;  // never blocks

  // ---- opening: see store/mailbox.h. One Mailbox per process and mailbox, shared by its sessions ----
  Result<std::shared_ptr<Mailbox>> open_mailbox(const MailboxName& name);
  Result<std::shared_ptr<Mailbox>> open_mailbox(const MailboxEntry& entry);

  // A message for deliver(); what is large goes to the default partition. Never blocks.
  Result<Draft> begin_delivery();

  Events& events();  // never blocks

  struct Inner;
  Inner& inner() { return *inner_; }  // for the store's own rooms

 private:
  Store();
  std::unique_ptr<Inner> inner_;
};

}  // namespace waxwing::store
