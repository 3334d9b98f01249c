// The imap.* options as one immutable picture: common/config/options/imap.inc has their meaning.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "imapd/parse/framer.h"

namespace waxwing::imap {

struct Settings {
  std::string banner;
  FrameLimits limits_before_login;
  FrameLimits limits;  // after login
  std::int64_t login_timeout_ms = 60'000;
  std::int64_t idle_timeout_ms = 1'800'000;
  std::int64_t idle_keepalive_ms = 120'000;
  std::size_t max_sessions = 0;
  std::uint64_t max_message_bytes = 0;  // APPEND; 0: no limit
  std::size_t search_max_part_bytes = 0;
  std::size_t sort_cache_bytes = 0;
  std::vector<std::string> url_hosts;     // what this server is called in URLs, lower case
  std::vector<std::string> submit_users;  // store names of who may fetch submit+ URLs

  static std::shared_ptr<const Settings> from(const Config& config);
};

}  // namespace waxwing::imap
