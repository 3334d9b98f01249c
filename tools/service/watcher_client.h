// The tools' side of run/watcher: ask for a change and follow it until it is done.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/record.h"
#include "common/base/result.h"

namespace waxwing {

// True when a watcher of this instance is listening. A permanent error when its socket may not be used by us,
// a temporary one when it listens but does not answer.
Result<bool> watcher_runs(const std::string& root);

// Services of the instance that run without a watcher, as after its death, and what they have started: "imapd
// popd, tcp_smtp_client (pid 2464)".
std::string left_running(const std::string& root);

// Starts the watcher of the instance (bin_directory/watcher) and answers when it listens. Waits while somebody else
// starts one; that one will do.
Result<> launch_watcher(const std::string& root, const std::string& bin_directory);

// Sends the question and calls on_progress for each progress record; answers the last record: done, failed,
// status. An error record and a lost connection become errors.
Result<Record> follow(const std::string& root, const Record& question,
                      const std::function<void(const Record&)>& on_progress);

// The last lines of log/<service>.log, without those older than from_bytes.
std::vector<std::string> last_log_lines(const std::string& root, const std::string& service,
                                        std::size_t count, std::size_t from_bytes);
// Size of that log now, to tell later what is new.
std::size_t log_size(const std::string& root, const std::string& service);

}  // namespace waxwing
