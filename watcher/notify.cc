#include "watcher/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "common/base/file.h"

namespace waxwing {

ServiceManager ServiceManager::from_environment() {
  ServiceManager manager;
  if (const char* named = std::getenv("NOTIFY_SOCKET")) manager.address_ = named;
  ::unsetenv("NOTIFY_SOCKET");
  return manager;
}

void ServiceManager::tell(const std::string& words) const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (address_.size() < 2 || address_.size() >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, address_.data(), address_.size());
  if (address_[0] == '@') address.sun_path[0] = '\0';  // Linux' abstract names
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  // A manager that does not listen any more misses it, and nothing else.
  (void)::sendto(socket.get(), words.data(), words.size(), MSG_NOSIGNAL,
                 reinterpret_cast<sockaddr*>(&address), length);
}

}  // namespace waxwing
