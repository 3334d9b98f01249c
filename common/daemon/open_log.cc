#include "common/daemon/open_log.h"

#include "common/log/log.h"

namespace waxwing {

void open_log(const Config& config, const std::string& program) {
  log::Options options;
  options.directory = config.path_of("log");
  options.program = program;
  options.level = log::parse_level(config.text("log.level"));
  options.max_file_bytes = static_cast<std::uint64_t>(config.number("log.maxlogfilesize"));
  options.max_file_seconds = config.number("log.rollovertime");
  options.keep_files = static_cast<int>(config.number("log.maxlogfiles"));
  options.syslog_facility = config.text("log.syslogfacility");
  log::open(options);
}

}  // namespace waxwing
