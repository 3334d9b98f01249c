// imsimta process, kill: the processes of this instance.
#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/mail/date.h"
#include "tools/imsimta/command.h"
#include "tools/imsimta/json.h"
#include "tools/imsimta/processes.h"

namespace waxwing::imsimta {

namespace {
void print_process(const Process& process, bool json) {
  if (json)
    return JsonObject()
        .number("pid", process.pid)
        .number("parent", process.parent)
        .text("program", process.program)
        .number("memory_kib", process.memory_kib)
        .number("cpu_ms", process.cpu_ms)
        .time("since", process.started)
        .print();
  fmt::print("{:>8}  {:<20} {:>12} {:>10.1f}  {}\n", process.pid, printable(process.program),
             process.memory_kib, static_cast<double>(process.cpu_ms) / 1000,
             mail::format_local_date(process.started));
}
}  // namespace

Result<int> run_process(const Context& context, Arguments arguments) {
  const bool json = arguments.take("json");
  TRY_VOID(arguments.finish("process [-json]"));
  TRY(const auto processes, processes_of(context.root));
  if (!json)
    fmt::print("{:>8}  {:<20} {:>12} {:>10}  {}\n", "Pid", "Program", "Memory (K)", "CPU (s)", "Since");
  for (const auto& process : processes) print_process(process, json);
  return processes.empty() ? 1 : 0;
}

Result<int> run_kill(const Context& context, Arguments arguments) {
  const auto word = arguments.take_word();
  TRY_VOID(arguments.finish("kill pid"));
  const auto pid = to_number<pid_t>(word);
  if (!pid || *pid <= 0) return permanent("which process? imsimta kill pid; imsimta process lists them");
  // Held before it is looked at: the number cannot become another process's in between.
  const UniqueFd held(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
  TRY(const auto processes, processes_of(context.root));
  const auto process = std::ranges::find(processes, *pid, &Process::pid);
  if (!held || process == processes.end())
    return permanent(printable(word) + " is no process of this instance: imsimta process lists them");
  if (::syscall(SYS_pidfd_send_signal, held.get(), SIGTERM, nullptr, 0) != 0)
    return std::unexpected(system_error("cannot end process " + word, errno));
  fmt::print("{} ({}) is told to end{}\n", *pid, printable(process->program),
             process->program == "watcher"
                 ? ", and all services with it: start-msg starts them"
                 : ": what it has begun is finished, and a service is started again by watcher");
  return 0;
}

}  // namespace waxwing::imsimta
