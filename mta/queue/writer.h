// Writer: one message into the queue, for as many destination channels as it has.
//
//   auto writer = Writer::create(queue);               // opens a temporary file
//   writer->write(bytes);                              // header and body, CRLF lines, as it goes on
//   auto files = co_await writer->publish(envelopes);  // durable and visible, or an error and nothing at all
//
// One envelope becomes one queue file; all of one publish() go through a single durable commit and one
// record to the job controller. The message bytes go to disk once; further files are copied in the kernel.
// Errors: temporary for a full or failing disk, bug for an envelope without recipients, channel or host.
// write() reaches the page cache only, in pieces of 64 KiB, and may be called on a loop. Destroying an
// unpublished Writer removes what it wrote. For one thread at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/task.h"
#include "common/net/workers.h"
#include "mta/queue/companion.h"
#include "mta/queue/envelope.h"
#include "mta/queue/queue.h"

namespace waxwing::mta::queue {

class Writer {
 public:
  // queue_id: empty draws a new one. It is the <id> of the file names.
  static Result<Writer> create(std::shared_ptr<Queue> queue, std::string queue_id = "");
  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) noexcept;
  ~Writer();

  const std::string& queue_id() const;
  Result<> write(std::string_view bytes);
  std::uint64_t size_bytes() const;
  // Bytes that were written, up to max_bytes from offset; empty at the end. Before publishing.
  Result<std::string> read(std::uint64_t offset, std::size_t max_bytes);

  // One envelope ahead of publish(), for who has very many recipients: its file is filled now, only its name is still to
  // come. The message must be whole. Local writes, as large as the message: for a worker.
  Result<FileName> add(Envelope envelope);
  bool has_added() const;
  // Those added, and these. Answers the names of the files of these, in the order of the envelopes. queue_id, email_id
  // and arrival_ms are filled in where they are empty. May be called once.
  Task<Result<std::vector<FileName>>> publish(std::vector<Envelope> envelopes);
  // Several contents of one message, each with envelopes of its own (a channel may want another form than the
  // others): one commit for all, and the names in the order given. The writers are published, or none of them.
  struct Content {
    Writer* writer;
    std::vector<Envelope> envelopes;
  };
  // sealers: where more than 1 MiB is to be copied, of a large message or for very many files, a thread of these does
  // it and not the caller's loop, and asks the companion, which stays valid until this answers.
  static Task<Result<std::vector<FileName>>> publish_all(std::vector<Content> contents,
                                                         WorkerPool* sealers = nullptr,
                                                         Companion* companion = nullptr);

  struct Inner;

 private:
  explicit Writer(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

// The notice Writer sends: verb "enqueued", and per file a "file" field of schedule_line().
std::string schedule_line(const FileName& name, const Envelope& envelope, std::uint64_t size_bytes);

}  // namespace waxwing::mta::queue
