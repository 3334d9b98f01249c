// What start-msg and imsimta show of services that are started, restarted and stopped.
#pragma once

#include <map>
#include <string>

#include "common/base/record.h"

namespace waxwing {

// One line of progress, for follow() in watcher_client.h.
void show_progress(const Record& progress);

// How long the log of each service is, taken before the change: what is behind it tells why it failed.
std::map<std::string, std::size_t> log_sizes(const std::string& root);

// What services that are ready have logged as errors since, on standard error: a certificate that cannot be
// used.
void tell_errors(const std::string& root, const std::map<std::string, std::size_t>& logs_before);

// The answer "failed" on standard error: each service, why, the lines its log got since, what to do.
void explain_failure(const std::string& program, const std::string& root, const Record& answer,
                     const std::map<std::string, std::size_t>& logs_before);

}  // namespace waxwing
