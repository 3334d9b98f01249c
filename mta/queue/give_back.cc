#include "mta/queue/give_back.h"

#include "mta/queue/reader.h"

namespace waxwing::mta::queue {

Result<> mark_for_return(const Queue& queue, const FileName& name) {
  TRY(auto reader, Reader::open(queue, name));
  // The locks hold as long as the reader: what is marked here no channel program marks meanwhile.
  TRY_VOID(reader.lock_pending_hosts());
  std::size_t marked = 0;
  for (std::size_t i = 0; i < reader.envelope().recipients.size(); ++i) {
    auto progress = reader.envelope().recipients[i].progress;
    if (progress.status != Status::pending) continue;
    progress.give_back = true;
    TRY_VOID(reader.mark(i, progress));
    ++marked;
  }
  if (marked == 0) return permanent("nobody is left to serve in " + name.relative());
  return durable::commit(reader.sync_marks());
}

}  // namespace waxwing::mta::queue
