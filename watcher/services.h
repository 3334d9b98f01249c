// The services of an instance: what they are, what they need, how they are started. One table.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/config.h"

namespace waxwing {

// How watcher learns that a service can be used.
enum class Readiness {
  says_so,  // it sends {ready} to run/watcher when its sockets are bound
  answers,  // it accepts connections on its Unix socket (a program that is not ours)
};

struct ServiceSpec {
  std::string_view name;                      // program and log file
  std::vector<std::string_view> also_called;  // names that operators know it by
  std::vector<std::string_view> enabled_by;   // flags; all must be on
  std::vector<std::string_view> needs;        // services that must be ready before it starts
  Readiness readiness = Readiness::says_so;
};

// In the order of starting; stopping goes the other way.
std::span<const ServiceSpec> service_table();

// Those that a name stands for: the service itself or one of its other names ("mta" is two services).
std::vector<const ServiceSpec*> services_called(std::string_view name);

bool is_enabled(const ServiceSpec& spec, const Config& config);

// The command line; programs are taken from bin_directory.
std::vector<std::string> command_of(const ServiceSpec& spec, const Config& config,
                                    const std::string& bin_directory);

}  // namespace waxwing
