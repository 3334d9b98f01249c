// Dispositions: sends disposition notifications (RFC 8098), in the words that the mapping DISPOSITION_LANGUAGE chooses,
// through the process channel or that of the keyword dispositionchannel, with an empty envelope From.
//
//   probe  disposition|modifiers, with commas|channel that makes it|what the message prefers|whom it is for|recipient
//   $I $D  as for NOTIFICATION_LANGUAGE: language and folder
//   then   a charset for words that are not from files, and with $T a subject; | stands between all pieces
// No address gets more than NOTICES_PER_HOUR in an hour. Loop thread only;
// the mapping is asked, and texts and message are read, on a worker.
#pragma once

#include <memory>
#include <string>

#include "common/net/task.h"
#include "common/net/workers.h"
#include "mta/notify/disposition.h"
#include "mta/notify/storm.h"
#include "mta/notify/text_folders.h"
#include "mta/queue/reader.h"

namespace waxwing::mta {
class MtaConfig;
}
namespace waxwing::mta::queue {
class Queue;
}

namespace waxwing::mta::notify {

class Dispositions {
 public:
  // root: of the instance, for config/locale/C. Texts that are missing are logged.
  Dispositions(const std::string& root, std::shared_ptr<const MtaConfig> config,
               std::shared_ptr<queue::Queue> queue, WorkerPool& workers);

  // Sends one about this message. Of notice these are filled in here: charset, host, full_content, eight_bit,
  // smtputf8, and now_ms where it is 0. Durable when it answers: the queue id, or "" when `to` has had too many.
  Task<Result<std::string>> send(DispositionNotice notice, const queue::Reader& message);

 private:
  const Templates& words_for(DispositionNotice& notice, const queue::Reader& message);

  std::shared_ptr<const MtaConfig> config_;
  std::shared_ptr<queue::Queue> queue_;
  WorkerPool& workers_;
  TextFolders folders_;
  StormGate storm_;
};

}  // namespace waxwing::mta::notify
