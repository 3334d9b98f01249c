// Reader: an open queue file, its envelope and the marks on its recipients.
//
// Permanent errors mean a damaged file (the caller sets it aside), temporary ones a failing disk; a file that
// is gone is told apart by is_gone(). For one thread at a time.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "mta/queue/envelope.h"
#include "mta/queue/queue.h"

namespace waxwing::mta::queue {

class Reader {
 public:
  static Result<Reader> open(const Queue& queue, const FileName& name);

  const FileName& name() const { return name_; }
  const Envelope& envelope() const { return envelope_; }
  const std::string& path() const { return file_.path(); }
  std::uint64_t message_size() const { return file_.message_size(); }
  int fd() const { return file_.fd(); }
  const spool::MessageFile& file() const { return file_; }

  // Up to max_bytes of the message from offset; empty at its end.
  Result<std::string> read_message(std::uint64_t offset, std::size_t max_bytes) const;
  // Header lines and the empty line behind them, at most max_bytes.
  Result<std::string> read_header(std::size_t max_bytes = 256 * 1024) const;
  Result<> verify_message() const { return file_.verify_message(); }

  // Takes the recipients of one host for this process, so that a job that outlived its controller and a new
  // one never work on them at the same time. false: somebody else has them. Released with the Reader. Reads
  // the marks again, for they may have changed since open().
  Result<bool> lock_host(const std::string& host);
  // The same for all that have somebody left to serve. Temporary error: somebody works on one of them just now.
  Result<> lock_pending_hosts();
  // Writes the mark of one recipient in place; envelope() shows it. Not durable before the batch of
  // sync_marks(), which has all marks since the last one, is committed. Marks of a mere attempt need not be:
  // see queue.h.
  Result<> mark(std::size_t recipient, const Progress& progress);
  durable::Batch sync_marks();
  // Reads all marks again: are all recipients of all hosts done?
  Result<bool> all_done();

 private:
  Reader(spool::MessageFile file, FileName name) : file_(std::move(file)), name_(std::move(name)) {}
  Result<> read_marks();
  spool::MessageFile file_;
  FileName name_;
  Envelope envelope_;
  std::set<std::size_t> unsynced_;  // recipients
};

bool is_gone(const Error& error);  // the queue file does not exist (any more)

}  // namespace waxwing::mta::queue
