#include "watcher/services.h"

#include <algorithm>

namespace waxwing {

std::span<const ServiceSpec> service_table() {
  static const std::vector<ServiceSpec> table = {
      {"slapd", {"directory", "ldap"}, {"directory.enable"}, {}, Readiness::answers},
      {"stored", {"store"}, {"store.enable"}, {"slapd"}},
      {"job_controller", {"mta"}, {"mta.enable", "job_controller.enable"}, {"slapd", "stored"}},
      {"metermaid", {"mta"}, {"mta.enable", "metermaid.enable"}, {}},
      {"dispatcher",
       {"mta", "smtp", "lmtp"},
       {"mta.enable", "dispatcher.enable"},
       {"slapd", "job_controller"}},
      {"imapd", {"imap"}, {"imap.enable"}, {"slapd", "stored"}},
      {"popd", {"pop"}, {"pop.enable"}, {"slapd", "stored"}},
  };
  return table;
}

std::vector<const ServiceSpec*> services_called(std::string_view name) {
  std::vector<const ServiceSpec*> found;
  for (const ServiceSpec& spec : service_table()) {
    if (spec.name == name || std::ranges::find(spec.also_called, name) != spec.also_called.end())
      found.push_back(&spec);
  }
  return found;
}

bool is_enabled(const ServiceSpec& spec, const Config& config) {
  return std::ranges::all_of(spec.enabled_by, [&](std::string_view flag) { return config.flag(flag); });
}

std::vector<std::string> command_of(const ServiceSpec& spec, const Config& config,
                                    const std::string& bin_directory) {
  if (spec.name == "slapd") return {bin_directory + "/../lib/private-slapd", config.root(), "serve"};
  return {bin_directory + "/" + std::string(spec.name), "--instance", config.root()};
}

}  // namespace waxwing
