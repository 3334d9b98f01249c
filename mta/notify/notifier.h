// Notifier: tells senders and postmasters what became of a message, by the channel's keywords.
//
// Notifications go into the queue of the process channel (or that of notificationchannel) with an empty
// sender (or the postmaster: returnenvelope); that channel resolves the address like any other's, so that the
// program which found out needs no directory. A message with an empty sender never causes one to its sender, one that a program
// sent (Auto-Submitted:) no warning that nobody asked for, and no address gets more than NOTICES_PER_HOUR in an hour.
// Loop thread only; the mapping is asked, and texts and message are read, on a worker.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/net/task.h"
#include "common/net/workers.h"
#include "mta/notify/language.h"
#include "mta/notify/notification.h"
#include "mta/notify/storm.h"
#include "mta/queue/reader.h"
#include "mta/queue/writer.h"

namespace waxwing::mta {
class MtaConfig;
}

namespace waxwing::mta::notify {

enum class Family { failure, delay, success };

// Whom the sender's notice is for: the envelope From, or what USE_ERRORS_TO and USE_WARNINGS_TO find in the header.
std::string told_address(const MtaOptions& options, Family family, std::string_view sender,
                         std::string_view header);
// Does a failure go back with the body of its message? size_bytes: of that message.
bool returns_body(const MtaOptions& options, const queue::Envelope& envelope, std::uint64_t size_bytes);

class Notifier {
 public:
  // root: of the instance, for config/locale/C. Texts that are missing are logged.
  Notifier(std::string root, std::shared_ptr<const MtaConfig> config, std::shared_ptr<queue::Queue> queue,
           WorkerPool& workers);

  // Sends what is due for these outcomes: one message a family, to the sender where NOTIFY allows, copies to
  // the postmaster where keywords ask. Durable when it answers. Error: nothing more than a part was sent, and
  // nothing is to be marked; the caller tries again later.
  Task<Result<>> send(queue::Reader& message, std::vector<Outcome> outcomes);

 private:
  struct Copies {
    bool to_sender = false;
    bool to_postmaster = false;
  };
  Copies copies_of(Family family, const queue::Envelope& envelope) const;
  Notice plain_notice(Family family, queue::Reader& message) const;
  Task<Result<>> send_family(Family family, queue::Reader& message, std::vector<Outcome> outcomes);
  Task<Result<>> send_one(const Notice& notice, queue::Reader& message);

  std::shared_ptr<const MtaConfig> config_;
  std::shared_ptr<queue::Queue> queue_;
  WorkerPool& workers_;
  Languages languages_;
  StormGate storm_;
};

}  // namespace waxwing::mta::notify
