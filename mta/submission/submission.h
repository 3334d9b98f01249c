// Submission: the one way into the queue. smtpd, the process and reprocess channels and notifications all
// hand their messages over here; nobody else writes an envelope.
//
//   Submission message(submitter, source);
//   auto verdict = co_await message.sender("a@example.com", options);   // MAIL FROM
//   verdict = co_await message.recipient("b@example.org", options);     // RCPT TO, once each
//   verdict = co_await message.data(bytes);                             // any pieces; CRLF, no dots stuffed
//   verdict = co_await message.finish();                                // durable when this is a 2xx
//
// What happens, in this order: rewriting of the sender, FROM_ACCESS · per recipient rewriting, alias,
// directory and group expansion, *_ACCESS tables, limits · header processing (header.h) · one queue file per
// destination channel, all published by one durable commit · notice to the job controller.
//
// Every step answers a Verdict in SMTP's own terms; callers that speak no SMTP look at ok() and
// temporary(). Directory down or disk full is a 4xx, never a 5xx. After a failed data() or finish() nothing
// is left on disk. Loop thread only; one coroutine at a time. With a warm directory cache nothing here
// leaves the loop's thread but the commit.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/daemon/daemon.h"
#include "common/net/task.h"
#include "mta/protocol/verdict.h"

namespace waxwing::directory {
class Directory;
}

namespace waxwing::mta {

class Channel;
class DirectoryView;
class MtaConfig;
namespace queue {
class Companion;
class Queue;
struct Recipient;
}  // namespace queue

// Who hands the message over. Filled once a session, copied into each of its messages.
struct Source {
  std::string channel;     // source channel, after channel switching: "tcp_local", "process"
  std::string origin;      // channel it came to this host by, when channel only works on it; empty: channel
  std::string session_id;  // sid of log events; empty: none
  // "TCP|server-ip|server-port|client-ip|client-port"; empty for internal sources.
  std::string transport_info;
  std::string application_info;  // "SMTP/helo.example.com" as the access tables' app-info
  std::string auth_user;         // login name the peer authenticated as; empty: none
  std::string auth_address;      // that user's own mail address, when known
  // Of the 552 to a message that is too large, announced by SIZE= or found out; the limit follows.
  std::string size_error_text = "message size exceeds the limit";
  std::string remote_host;  // remotehost: completes addresses without a host; empty: the usual one does
  bool tls = false;
  bool esmtp = false;
  bool lmtp = false;
  bool chunking = false;    // the message comes by BDAT
  bool submission = false;  // RFC 6409: complete Date, Message-ID, From; submit keyword of the channel
  bool internal = false;    // process, reprocess, notification: no *_ACCESS tables, no limits
};

// The same for the access tables.
struct AccessSession;
AccessSession access_session(const Source& source);

// What all submissions of a process share: the MTA configuration snapshot, address resolution, queue, and
// workers. Reloads itself with the daemon.
class Submitter {
 public:
  // queue: the process's own, when it has one already.
  static Result<std::shared_ptr<Submitter>> create(Daemon& daemon,
                                                   std::shared_ptr<queue::Queue> queue = nullptr);
  ~Submitter();

  std::shared_ptr<const MtaConfig> config() const;  // the newest
  Daemon& daemon() const;
  const std::shared_ptr<directory::Directory>& directory() const;
  DirectoryView& view() const;
  // Largest message, in bytes, that may come in by this channel; 0: no limit.
  std::uint64_t size_limit(const MtaConfig& config, const Channel& source) const;

  struct Inner;
  Inner& inner() const { return *inner_; }

 private:
  explicit Submitter(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

// What is to be said of a recipient that lay in a channel's queue, and is submitted again.
RecipientOptions wishes_of(const queue::Recipient& waiting);

class Submission {
 public:
  Submission(std::shared_ptr<Submitter> submitter, Source source);
  Submission(Submission&&) noexcept;
  ~Submission();  // not finished: everything written so far is removed

  // address without angle brackets; "" is the null sender. Starts a new envelope.
  Task<Verdict> sender(std::string address, SenderOptions options);
  Task<Verdict> recipient(std::string address, RecipientOptions options);
  // The same for a list that was left to the process channel, the only recipient of its message then. state: what
  // stands with it in the queue file; approved: Approved: of the message, empty when it has none. finish() looks the
  // members up, on a worker; they go to the disk a slice at a time and become visible all at once.
  Task<Verdict> list(std::string address, RecipientOptions options, std::string state, std::string approved);
  // The same for a recipient that stopped on its way (queue/detour.h): it goes on to where it was going.
  Task<Verdict> resume(const queue::Recipient& waiting);
  // Its queue files are published as held ones. Before finish().
  void hold(std::string reason);
  std::size_t recipients() const;  // accepted as the caller gave them (a group counts as one)

  // Lines put in front of the message: Received:, Authentication-Results:. Each ends in CRLF. Before data().
  void add_trace(std::string_view header_lines);
  // What the list of list() wants told in the Received: field of who resubmits its messages; empty: nothing.
  struct ListTrace {
    std::string recipient, sender;
  };
  ListTrace list_trace() const;
  // The next bytes of the message. The header is held until it is whole (limit: max header size of the
  // configuration), the body goes to disk as it comes. An answer that is not ok() ends the message, but the
  // caller may go on calling data() to drain the peer: it then does nothing and repeats the answer.
  Task<Verdict> data(std::string_view bytes);
  Task<Verdict> finish();
  // What must be durable in the very commit that queues the message (queue/companion.h); stays valid until finish()
  // answers. A message that is thrown away has no commit.
  void commit_with(queue::Companion* companion);

  // The peer uses BDAT for this message. Before data().
  void set_chunking();
  // A refusal that the peer was told, into mail.log_current (J): of this recipient, or ("") of the message.
  void record_refusal(std::string_view address, const Verdict& verdict) const;
  // The peer went away in the middle of the message (V).
  void record_abort(std::string_view why) const;

  const std::string& sender_address() const;  // as it is in the envelope now
  const std::string& queue_id() const;        // of the message; "" before sender()
  std::uint64_t size_bytes() const;           // bytes seen by data()

  struct Inner;

 private:
  std::unique_ptr<Inner> inner_;
};

}  // namespace waxwing::mta
