#include "mta/queue/reroute.h"

#include "mta/queue/reader.h"

namespace waxwing::mta::queue {

Result<FileName> reroute(Queue& queue, const FileName& name) {
  auto to = name;
  to.channel = "reprocess";
  to.held = false;
  if (name.channel == to.channel && !name.held)
    return permanent("its addresses are resolved anew already: " + name.relative());
  TRY(auto reader, Reader::open(queue, name));
  for (const auto& recipient : reader.envelope().recipients) {
    if (recipient.progress.status != Status::pending) continue;
    TRY(const bool mine, reader.lock_host(recipient.host));
    if (!mine) return temporary("the message is being delivered just now: " + name.relative());
    // It says where in the store, or to which list; as an address it means nothing any more.
    if (!recipient.final_data.empty() && name.channel != "process")
      return permanent("only mail for other hosts can go elsewhere, not " + name.relative());
  }
  durable::Batch batch;
  TRY_VOID(queue.ensure_bucket(to.channel, to.bucket, batch));
  batch.rename(queue.path_of(name), queue.path_of(to));
  TRY_VOID(durable::commit(std::move(batch)));
  return to;
}

}  // namespace waxwing::mta::queue
