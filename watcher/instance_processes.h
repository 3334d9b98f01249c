// The processes of an instance, found by its folder on their command lines: also when run/, where their numbers are
// noted, was removed.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace waxwing {

struct RunningService {
  std::string name;  // in the service table
  pid_t pid = 0;
};

// In the order of the service table. What the services have started is not among them (helpers.h).
std::vector<RunningService> running_services(const std::string& root);

// Which service a command line is of; root: of the instance. Empty: none.
std::string service_of_command(const std::vector<std::string_view>& words, const std::string& root);

// A watcher of the instance whose run/watcher.pid was removed: nobody reaches it any more, and it would start again
// what the next one stops. lock: descriptor of the file that counts, -1 for the one that lies there. 0: there is none.
pid_t lost_watcher(const std::string& root, int lock);
// Kills such a watcher; its services go on, for another one to take over.
void end_lost_watcher(const std::string& root, int lock);

}  // namespace waxwing
