#include "mta/queue/reroute.h"

#include <algorithm>

#include "mta/queue/reader.h"

namespace waxwing::mta::queue {

Result<FileName> reroute(Queue& queue, const FileName& name) {
  auto to = name;
  to.channel = "reprocess";
  to.held = false;
  if (name.channel == to.channel && !name.held)
    return permanent("its addresses are resolved anew already: " + name.relative());
  TRY(auto reader, Reader::open(queue, name));
  TRY_VOID(reader.lock_pending_hosts());
  const auto leads_on = [&](const Recipient& recipient) {
    // It says where in the store, or to which list; as an address it means nothing any more.
    return recipient.progress.status == Status::pending && !recipient.final_data.empty() &&
           name.channel != "process";
  };
  if (std::ranges::any_of(reader.envelope().recipients, leads_on))
    return permanent("only mail for other hosts can go elsewhere, not " + name.relative());
  durable::Batch batch;
  TRY_VOID(queue.ensure_bucket(to.channel, to.bucket, batch));
  batch.rename(queue.path_of(name), queue.path_of(to));
  TRY_VOID(durable::commit(std::move(batch)));
  return to;
}

}  // namespace waxwing::mta::queue
