#include "mta/transport/tcp_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "common/base/file.h"
#include "common/base/strings.h"

namespace waxwing::mta {

namespace {

struct Number {
  std::string_view name;
  std::int64_t TcpOptions::*member;
  std::int64_t scale;  // 60000 for minutes
  std::int64_t lowest, highest;
};
constexpr std::int64_t kSecond = 1000, kMinute = 60000, kLongest = 7 * 24 * 60,
                       kMany = std::numeric_limits<std::int32_t>::max();

constexpr Number kNumbers[] = {
    {"ALLOW_RECIPIENTS_PER_TRANSACTION", &TcpOptions::allow_recipients_per_transaction, 1, 0, kMany},
    {"REJECT_RECIPIENTS_PER_TRANSACTION", &TcpOptions::reject_recipients_per_transaction, 1, 0, kMany},
    {"ALLOW_REJECTIONS_BEFORE_DEFERRAL", &TcpOptions::allow_rejections_before_deferral, 1, 0, kMany},
    {"ALLOW_TRANSACTIONS_PER_SESSION", &TcpOptions::allow_transactions_per_session, 1, 0, kMany},
    {"ATTEMPT_TRANSACTIONS_PER_SESSION", &TcpOptions::attempt_transactions_per_session, 1, 0, kMany},
    {"MAX_HELO_DOMAIN_LENGTH", &TcpOptions::max_helo_domain_length, 1, 1, 1000},
    {"ALLOW_ETRNS_PER_SESSION", &TcpOptions::allow_etrns_per_session, 1, 0, kMany},
    {"MAX_B_ENTRIES", &TcpOptions::max_bad_commands_logged, 1, 0, kMany},
    {"MAX_J_ENTRIES", &TcpOptions::max_rejections_logged, 1, 0, kMany},
    {"LEAST_DATA_RATE", &TcpOptions::least_data_rate, 1, 0, kMany},
    {"LEAST_DATA_RATE_AFTER", &TcpOptions::least_data_rate_after_ms, kSecond, 1, 3600},
    {"COMMAND_RECEIVE_TIME", &TcpOptions::command_receive_ms, kMinute, 1, kLongest},
    {"DATA_RECEIVE_TIME", &TcpOptions::data_receive_ms, kMinute, 1, kLongest},
    {"DATA_TRANSMIT_TIME", &TcpOptions::data_transmit_ms, kMinute, 1, kLongest},
    {"STATUS_DATA_RECEIVE_TIME", &TcpOptions::status_data_receive_ms, kMinute, 1, kLongest},
    {"STATUS_DATA_RECV_PER_ADDR_TIME", &TcpOptions::status_data_per_address_ms, kMinute, 0, kLongest},
    {"STATUS_DATA_RECV_PER_BLOCK_TIME", &TcpOptions::status_data_per_block_ms, kMinute, 0, kLongest},
    {"STATUS_DATA_RECV_PER_ADDR_PER_BLOCK_TIME", &TcpOptions::status_data_per_address_and_block_ms, kMinute,
     0, kLongest},
    {"STATUS_MAIL_RECEIVE_TIME", &TcpOptions::status_mail_receive_ms, kMinute, 1, kLongest},
    {"STATUS_RCPT_RECEIVE_TIME", &TcpOptions::status_rcpt_receive_ms, kMinute, 1, kLongest},
    {"MAX_A_RECORDS", &TcpOptions::max_a_records, 1, 1, 1000},
    {"MAX_MX_RECORDS", &TcpOptions::max_mx_records, 1, 1, 1000},
    {"MAX_CLIENT_THREADS", &TcpOptions::max_client_threads, 1, 1, 10000},
};

struct Text {
  std::string_view name;
  std::string TcpOptions::*member;
};
constexpr Text kTexts[] = {{"BANNER_ADDITION", &TcpOptions::banner_addition},
                           {"BANNER_HOST", &TcpOptions::banner_host},
                           {"EHLO_ADDITION", &TcpOptions::ehlo_addition},
                           {"552_PERMANENT_ERROR_STRING", &TcpOptions::size_error_text}};

struct Flag {
  std::string_view name;
  bool TcpOptions::*member;
};
constexpr Flag kFlags[] = {{"HIDE_VERIFY", &TcpOptions::hide_verify},
                           {"DISABLE_EXPAND", &TcpOptions::disable_expand}};

// Known to the documented product; here they have no effect (private commands are never answered, threads
// do not exist, what is written is waited for in one place), and cnbuild and the log say so.
constexpr std::string_view kWithoutEffect[] = {
    "CHECK_SOURCE",       "COMMAND_TRANSMIT_TIME", "DISABLE_ADDRESS",
    "DISABLE_CIRCUIT",    "DISABLE_GENERAL",       "DISABLE_SEND",
    "DISABLE_STATUS",     "DOT_TRANSMIT_TIME",     "INITIAL_COMMAND",
    "LOG_BANNER",         "LOG_CONNECTION",        "LOG_TRANSPORTINFO",
    "MAIL_TRANSMIT_TIME", "MAX_SERVER_THREADS",    "PROXY_PASSWORD",
    "RCPT_TRANSMIT_TIME", "STATUS_TRANSMIT_TIME",  "TRACE_LEVEL"};

Result<> set_option(TcpOptions& options, const std::string& name, std::string_view value,
                    const std::string& where) {
  for (const auto& row : kNumbers) {
    if (row.name != name) continue;
    const auto number = to_number<std::int64_t>(value);
    if (!number || *number < row.lowest || *number > row.highest)
      return permanent(fmt::format("{}: {} takes a number from {} to {}, found \"{}\"", where, name,
                                   row.lowest, row.highest, printable(value, 40)));
    options.*row.member = *number * row.scale;
    return {};
  }
  for (const auto& row : kTexts) {
    if (row.name != name) continue;
    if (value.find('|') != std::string_view::npos || value.size() > 500)
      return permanent(where + ": " + name + " takes at most 500 bytes and no |");
    options.*row.member = value;
    return {};
  }
  for (const auto& row : kFlags) {
    if (row.name != name) continue;
    if (value != "0" && value != "1") return permanent(where + ": " + name + " takes 0 or 1");
    options.*row.member = value == "1";
    return {};
  }
  if (name == "BARE_LINE_ENDS") {
    if (value != "0" && value != "1")
      return permanent(where + ": BARE_LINE_ENDS takes 0 (refuse) or 1 (repair)");
    options.bare_line_ends = value == "1";
    return {};
  }
  if (std::ranges::find(kWithoutEffect, name) != std::end(kWithoutEffect)) {
    options.notes.push_back(where + ": " + name + " has no effect here, see tcp_local_option(5)");
    return {};
  }
  return permanent(where + ": option " + printable(name, 60) + " is not known; see tcp_local_option(5)");
}

}  // namespace

Result<TcpOptions> parse_tcp_options(std::string_view text, const std::string& origin) {
  TcpOptions options;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto line = trim(take_until(text, '\n'));
    if (line.empty() || line.front() == '!' || line.front() == '#' || line.front() == ';') continue;
    const auto where = fmt::format("{}:{}", origin, number);
    const auto equals = line.find('=');
    if (equals == std::string_view::npos)
      return permanent(where + ": OPTION=value expected, found \"" + printable(line, 80) + "\"");
    TRY_VOID(
        set_option(options, to_upper(trim(line.substr(0, equals))), trim(line.substr(equals + 1)), where));
  }
  return options;
}

}  // namespace waxwing::mta
