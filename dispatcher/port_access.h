// PORT_ACCESS for the dispatcher: may this client connect, and what authentication rule set is it given?
#pragma once

#include <memory>

#include "common/daemon/daemon.h"
#include "common/net/task.h"
#include "mta/address/directory_view.h"
#include "mta/config/mta_config.h"
#include "mta/policy/access.h"

namespace waxwing::dispatcher {

class PortAccess {
 public:
  static Result<std::shared_ptr<PortAccess>> create(Daemon& daemon);
  // Takes a newly published build; a build that does not load is logged and the old one stays.
  void reload();
  std::shared_ptr<const mta::MtaConfig> config() const { return holder_->current(); }
  // Directory down during a callout: a temporary refusal, never an acceptance.
  Task<mta::PortVerdict> check(std::string server_ip, int server_port, std::string client_ip,
                               int client_port);

 private:
  explicit PortAccess(Daemon& daemon) : daemon_(daemon) {}
  Daemon& daemon_;
  std::shared_ptr<mta::MtaConfigHolder> holder_;
  std::shared_ptr<mta::DirectoryView> directory_;
};

}  // namespace waxwing::dispatcher
