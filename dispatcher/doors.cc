#include "dispatcher/doors.h"

#include <fcntl.h>

#include "common/log/log.h"

namespace waxwing::dispatcher {

namespace {
// A descriptor of its own for each try: a socket that does not take the packet has closed what it was given.
Result<> try_way(PacketSocket& way, const Record& record, const UniqueFd& fd) {
  UniqueFd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) return std::unexpected(system_error("cannot hand a connection over", errno));
  return way.send(record, std::move(copy));
}
}  // namespace

Result<> Doors::send(const Record& record, const UniqueFd& fd) {
  while (!doors_.empty()) {
    next_ %= doors_.size();
    const auto sent = try_way(*doors_[next_], record, fd);
    if (sent) {
      ++next_;
      return {};
    }
    if (!doors_[next_]->broken()) return sent;
    log::Event("dispatcher.door.closed").with("error", sent.error().text).warning();
    doors_.erase(doors_.begin() + static_cast<std::ptrdiff_t>(next_));
  }
  return try_way(otherwise_, record, fd);
}

void Doors::last(const Record& record) {
  for (const auto& door : doors_) (void)door->send(record);
}

}  // namespace waxwing::dispatcher
