#include "tools/service/running.h"

#include "common/net/seqpacket.h"
#include "tools/service/watcher_client.h"

namespace waxwing {

Result<> check_runs(const std::string& root, std::string_view service) {
  TRY(const bool runs, watcher_runs(root));
  if (!runs) return temporary("nothing runs in " + root + "; start-msg starts it");
  TRY(const Record status, follow(root, Record("status"), {}));
  const auto names = status.all("service"), states = status.all("state");
  for (std::size_t i = 0; i < names.size() && i < states.size(); ++i)
    if (names[i] == service && states[i] != "stopped") return {};
  const std::string name(service);
  return temporary(name + " does not run in " + root + "; 'start-msg " + name + "' starts it");
}

Result<> check_listens(const std::string& root, std::string_view service) {
  if (connect_unix(root + "/run/" + std::string(service))) return {};
  return check_runs(root, service);
}

}  // namespace waxwing
