// A word to the service manager that started watcher, as sd_notify(3) has it.
#pragma once

#include <string>

namespace waxwing {

class ServiceManager {
 public:
  // Takes NOTIFY_SOCKET out of the environment: the services have nothing to say there.
  static ServiceManager from_environment();
  // "READY=1\nSTATUS=..."; nothing happens where nobody asked for it.
  void tell(const std::string& words) const;

 private:
  std::string address_;
};

}  // namespace waxwing
