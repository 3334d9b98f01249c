// imsimta qm: a command a line, or one command as arguments. The sub-commands stand in the table of qm_commands.cc.
#pragma once

#include <span>

#include "tools/imsimta/queue_files.h"

namespace waxwing::imsimta {

struct QmCommand {
  std::string_view usage;  // begins with the name; completion goes by it, too
  std::string_view help;   // one line
  // Prints to standard output; the exit code, or an error that is printed.
  Result<int> (*run)(const Context&, Arguments);
  std::string_view name() const { return usage.substr(0, usage.find(' ')); }
};
std::span<const QmCommand> qm_commands();
const QmCommand* find_qm_command(std::string_view name);
// "[-held] ...": what is behind the name in the table; for errors.
std::string qm_usage(std::string_view name);

// Words of a line; double quotes hold blanks together. Permanent error: a quote is not closed.
Result<std::vector<std::string>> qm_words(std::string_view line);

Result<int> qm_clean(const Context& context, Arguments arguments);
Result<int> qm_counters(const Context& context, Arguments arguments);
Result<int> qm_damaged(const Context& context, Arguments arguments);
Result<int> qm_date(const Context& context, Arguments arguments);
Result<int> qm_directory(const Context& context, Arguments arguments);
Result<int> qm_held(const Context& context, Arguments arguments);
Result<int> qm_help(const Context& context, Arguments arguments);
Result<int> qm_history(const Context& context, Arguments arguments);
Result<int> qm_jobs(const Context& context, Arguments arguments);
Result<int> qm_messages(const Context& context, Arguments arguments);
Result<int> qm_read(const Context& context, Arguments arguments);
Result<int> qm_run(const Context& context, Arguments arguments);
Result<int> qm_summarize(const Context& context, Arguments arguments);
Result<int> qm_top(const Context& context, Arguments arguments);
Result<int> qm_view(const Context& context, Arguments arguments);
// verb: hold, release, reroute, return, delete.
Result<int> qm_change(const Context& context, const std::string& verb, Arguments arguments);
// The same for these files; 1 when something was refused.
Result<int> change_messages(const Context& context, const std::string& verb,
                            const std::vector<mta::queue::FileName>& names, bool quiet);
Result<int> qm_channel(const Context& context, const std::string& verb, Arguments arguments);  // start, stop

// What directory and summarize read without -directory_tree or -database: qm view sets it for the session.
bool qm_reads_memory();
void set_qm_reads_memory(bool memory);

}  // namespace waxwing::imsimta
