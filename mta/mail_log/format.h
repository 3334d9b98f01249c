// Records as lines: LOG_FORMAT 1 to 5 of option.dat(5), with the fields that its LOG_ options ask for.
#pragma once

#include <cstdint>
#include <string>

#include "mta/config/mta_config.h"
#include "mta/mail_log/entry.h"
#include "mta/mail_log/header_choice.h"

namespace waxwing::mta::mail_log {

struct Moment {
  std::int64_t wall_milliseconds = 0;
  std::string_view process;  // LOG_PROCESS: "1a2b.3.17"
};

// One line, or several where header fields are written; each ends in LF. No byte of an entry can end a line or
// begin another: control characters become "\x0a" (text) or what XML and JSON have for them.
// config is asked for options, host name and block size.
std::string format_entry(const MtaConfig& config, const HeaderChoice& headers, const Entry& entry,
                         const Moment& now);

// The local day of the record a log begins with, in any of the formats, as "2026-11-22"; "" when it is none.
std::string day_of_first_line(std::string_view line);
std::string local_day(std::int64_t wall_milliseconds);

}  // namespace waxwing::mta::mail_log
