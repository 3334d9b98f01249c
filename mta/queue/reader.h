// Reader: an open queue file, its envelope and the marks on its recipients.
//
// Permanent errors mean a damaged file (the caller sets it aside), temporary ones a failing disk; a file that
// is gone is told apart by is_gone(). For one thread at a time, with all that share() its file; but the message and what
// never changes of the envelope may be read by others meanwhile.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "mta/queue/envelope.h"
#include "mta/queue/queue.h"

namespace waxwing::mta::queue {

class Reader {
 public:
  static Result<Reader> open(const Queue& queue, const FileName& name);
  // The same where it stands elsewhere: one that was set aside.
  static Result<Reader> open_at(const std::string& path, const FileName& name);

  // Another reader of the same open file: one descriptor and one envelope, so that a file with thousands of hosts is read
  // and decoded once for all of them. Each sees the marks that the others make. It has none of their locks.
  Reader share() const { return Reader(inner_); }
  // Is this still the file that its name leads to? Not when it was renamed, held or removed since.
  bool is_at_its_name() const;

  const FileName& name() const { return inner_->name; }
  const Envelope& envelope() const { return inner_->envelope; }
  const std::string& path() const { return file().path(); }
  std::uint64_t message_size() const { return file().message_size(); }
  int fd() const { return file().fd(); }
  const spool::MessageFile& file() const { return inner_->file; }
  // Indexes into envelope().recipients, in order. Linear in the file's recipients the first time only.
  const std::vector<std::size_t>& recipients_of(const std::string& host) const;

  // Up to max_bytes of the message from offset; empty at its end.
  Result<std::string> read_message(std::uint64_t offset, std::size_t max_bytes) const;
  // Header lines and the empty line behind them, at most max_bytes.
  Result<std::string> read_header(std::size_t max_bytes = 256 * 1024) const;
  Result<> verify_message() const { return file().verify_message(); }

  // Takes the recipients of one host for this process, so that a job that outlived its controller and a new
  // one never work on them at the same time. false: somebody else has them. Released with the Reader. Reads
  // the marks of this host again, for they may have changed since open().
  Result<bool> lock_host(const std::string& host);
  // The same for all that have somebody left to serve. Temporary error: somebody works on one of them just now.
  Result<> lock_pending_hosts();
  // Writes the mark of one recipient in place; envelope() shows it. Not durable before the batch of
  // sync_marks(), which has all marks since the last one, is committed. Marks of a mere attempt need not be:
  // see queue.h.
  Result<> mark(std::size_t recipient, const Progress& progress);
  durable::Batch sync_marks();
  // Are all recipients of all hosts done, whoever has marked them? Reads the marks that were not seen to be done: over
  // all calls about as many as there are recipients.
  Result<bool> all_done();
  // Recipients that were not done when their marks were last looked at, by any of those that share the file.
  std::size_t left() const { return inner_->left; }

 private:
  using Hosts = std::unordered_map<std::string_view, std::vector<std::size_t>>;
  struct Inner {
    spool::MessageFile file;
    FileName name;
    Envelope envelope;
    Hosts hosts;  // filled when first asked for
    std::unordered_set<std::string>
        locked;                  // hosts; the descriptor's locks do not tell those that share it apart
    std::vector<bool> done;      // recipients; who is done stays so
    std::size_t left = 0;        // not done
    std::size_t first_left = 0;  // all before are done
    void set_done(std::size_t recipient, bool is_done);
    Result<> read_marks(std::size_t first, std::size_t count);
  };
  // The lock on one host's recipients.
  class HostLock {
   public:
    HostLock(std::shared_ptr<Inner> inner, std::string host, std::size_t byte)
        : inner_(std::move(inner)), host_(std::move(host)), byte_(byte) {}
    HostLock(HostLock&&) = default;
    HostLock& operator=(HostLock&&) = default;
    ~HostLock();

   private:
    std::shared_ptr<Inner> inner_;
    std::string host_;
    std::size_t byte_;
  };
  explicit Reader(std::shared_ptr<Inner> inner) : inner_(std::move(inner)) {}
  Result<> read_marks_of(const std::string& host);

  std::vector<HostLock>
      locks_;  // in front of inner_: the last of all that share the file closes it, locks and all
  std::shared_ptr<Inner> inner_;
  std::set<std::size_t> unsynced_;  // recipients
};

bool is_gone(const Error& error);  // the queue file does not exist (any more)

}  // namespace waxwing::mta::queue
