#include "dispatcher/port_access.h"

#include "common/directory/patiently.h"
#include "common/log/log.h"
#include "mta/policy/routines.h"

namespace waxwing::dispatcher {

Result<std::shared_ptr<PortAccess>> PortAccess::create(Daemon& daemon) {
  mta::add_policy_routines();
  std::shared_ptr<PortAccess> access(new PortAccess(daemon));
  TRY(access->holder_, mta::MtaConfigHolder::open(daemon.config()->root()));
  TRY(auto settings, directory::Settings::from(*daemon.config()));
  TRY_VOID(mta::apply_directory_options(access->holder_->current()->options(), settings));
  TRY(auto directory, directory::Directory::open(std::move(settings)));
  access->directory_ = mta::view_of(std::move(directory));
  return access;
}

void PortAccess::reload() {
  const auto changed = holder_->reload();
  if (changed) return;
  log::Event("dispatcher.reload.refused").with("error", changed.error().text).error();
  daemon_.reload_refused(changed.error().text);
}

Task<mta::PortVerdict> PortAccess::check(std::string server_ip, int server_port, std::string client_ip,
                                         int client_port) {
  const auto config = holder_->current();
  auto ask = [&](directory::Ask patience) {
    const mta::Lookup lookup{*config, directory_.get(), patience};
    return mta::check_port_access(lookup, server_ip, server_port, client_ip, client_port);
  };
  auto verdict = co_await directory::patiently(daemon_.workers(), ask);
  if (verdict) co_return std::move(*verdict);
  log::Event("dispatcher.port_access.failed")
      .with("peer", client_ip)
      .with("error", verdict.error().text)
      .warning();
  mta::PortVerdict refused;
  refused.accept = false;
  refused.text = "421 4.3.0 Connection cannot be checked now, try again later";
  co_return refused;
}

}  // namespace waxwing::dispatcher
