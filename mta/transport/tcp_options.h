// TCP/IP channel option files (config/tcp_local_option and the like): see tcp_local_option(5).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace waxwing::mta {

// Times are milliseconds here; the file gives minutes. 0 means "no limit" for counts.
struct TcpOptions {
  // Server.
  std::int64_t allow_recipients_per_transaction = 128;
  std::int64_t reject_recipients_per_transaction = 0;
  std::int64_t allow_rejections_before_deferral = 0;
  std::int64_t allow_transactions_per_session = 0;
  std::int64_t attempt_transactions_per_session = 0;
  std::int64_t allow_etrns_per_session = 1;
  std::int64_t max_helo_domain_length = 255;
  std::int64_t max_bad_commands_logged = 10;  // MAX_B_ENTRIES
  std::int64_t max_rejections_logged = 10;    // MAX_J_ENTRIES
  std::string banner_addition, banner_host, ehlo_addition;
  std::string size_error_text = "message size exceeds the limit";
  bool hide_verify = false, disable_expand = true;
  int bare_line_ends = 0;                         // BARE_LINE_ENDS: 0 refuse, 1 repair to CRLF
  std::int64_t least_data_rate = 100;             // LEAST_DATA_RATE: bytes a second; 0: any
  std::int64_t least_data_rate_after_ms = 60000;  // LEAST_DATA_RATE_AFTER, in seconds in the file
  std::int64_t command_receive_ms = 5 * 60000;
  std::int64_t data_receive_ms = 5 * 60000;
  // Client.
  std::int64_t data_transmit_ms = 10 * 60000;
  std::int64_t status_data_receive_ms = 10 * 60000;
  std::int64_t status_data_per_address_ms = 0;
  std::int64_t status_data_per_block_ms = 0;
  std::int64_t status_data_per_address_and_block_ms = 0;
  std::int64_t status_mail_receive_ms = 5 * 60000;
  std::int64_t status_rcpt_receive_ms = 5 * 60000;
  std::int64_t max_a_records = 32, max_mx_records = 32;
  std::int64_t max_client_threads = 500;  // MAX_CLIENT_THREADS: deliveries of one program at once

  std::vector<std::string> notes;  // options taken without effect
};

// Errors name origin, line, option and what it takes.
Result<TcpOptions> parse_tcp_options(std::string_view text, const std::string& origin);

}  // namespace waxwing::mta
