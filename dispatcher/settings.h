// dispatcher.cnf: what the dispatcher serves. See dispatcher.cnf(5).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/config/config.h"

namespace waxwing::dispatcher {

// One [SERVICE=name] section, defaults applied.
struct ServiceSettings {
  std::string name;
  std::string image;                    // program under lib/ or an absolute path
  std::vector<std::string> parameters;  // PARAMETER lines, handed to the worker
  std::vector<int> ports;
  std::vector<int> tls_ports;            // TLS from the first byte
  std::vector<std::string> addresses;    // INTERFACE_ADDRESS; empty: every address, v4 and v6
  int enable_rbl = -1;                   // 0: no block lists, whatever is named; -1: not said
  std::vector<std::string> block_lists;  // DNS_VERIFY_DOMAIN: zones of hosts that are not let in
  int min_procs = 0, max_procs = 5;
  int min_conns = 3, max_conns = 10;
  int max_shutdown = 2;
  int max_client_conns = 200;  // of one address, this host's own excepted; 0: no limit
  int backlog = 0;             // 0: max_conns * max_procs, at least 5
  std::int64_t max_life_conns = 300;
  std::int64_t max_life_time_s = 86400;
  std::int64_t max_idle_time_s = 600;

  int listen_backlog() const;
};

struct Settings {
  std::vector<ServiceSettings> services;
  std::vector<std::string> notes;  // options that were taken without effect, for the log
};

// Turns $name of a value into text ($mta.smtp_port); nothing when there is no such name.
using Expand = std::function<std::optional<std::string>(std::string_view name)>;

// Errors name the line, what is wrong and what would be right. origin: the file's name for these.
Result<Settings> parse_settings(std::string_view text, const std::string& origin, const Expand& expand);

// $name of dispatcher.cnf is the option of msg.conf.
Expand options_of(const Config& config);

}  // namespace waxwing::dispatcher
