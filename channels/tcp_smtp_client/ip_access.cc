// The mapping IP_ACCESS, before a connection is opened.
#include "mta/policy/ip_access.h"
#include "channels/tcp_smtp_client/client.h"
#include "common/log/log.h"

namespace waxwing::channels::smtp {

// A callout of the table may take its time: a worker waits for it. A table that cannot be asked lets nobody through.
Task<Client::Permit> Client::may_try(Work& work, mta::Target& target, std::size_t index, std::size_t count) {
  using Action = mta::IpVerdict::Action;
  if (!settings_->mta || !settings_->mta->mappings().table("IP_ACCESS")) co_return Permit::connect;
  const mta::IpAccess access{settings_->channel, count, index, target.address, target.name};
  auto verdict = co_await workers_.run([&] { return mta::check_ip_access({*settings_->mta}, access); });
  if (verdict && verdict->action == Action::connect) {
    target.address = verdict->address;
    co_return Permit::connect;
  }
  log::Event(verdict ? "smtp_client.ip_access" : "smtp_client.ip_access.failed")
      .with("qid", work.queue_id())
      .with("host", target.name)
      .with("address", target.address)
      .with("text", verdict ? verdict->text : verdict.error().text)
      .notice();
  if (verdict && verdict->action == Action::pass_over) co_return Permit::pass_over;
  if (verdict)
    work.fail_rest("5.1.2 no mail goes from here to " + target.name, target.name);
  else
    work.defer_rest("4.3.5 the mapping IP_ACCESS cannot be asked about " + target.name, target.name);
  co_return Permit::ended;
}

}  // namespace waxwing::channels::smtp
