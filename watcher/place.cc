#include "watcher/place.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "common/base/space.h"
#include "common/daemon/open_log.h"
#include "common/daemon/privileges.h"
#include "common/log/log.h"
#include "common/net/seqpacket.h"
#include "watcher/helpers.h"
#include "watcher/instance_processes.h"
#include "watcher/ownership.h"

namespace waxwing {

namespace {
// Before any service: after a power cut this replays, and whoever needs queue or store waits for it. What runs
// already is taken over without it.
Result<> open_journal(const Arguments& arguments, const Config& config, JournalGate& gate) {
  const auto opened = gate.open(config);
  if (opened) return {};
  log::Event("watcher.journal.closed").with("why", opened.error().text).error();
  const bool some_run =
      arguments.resume || !running_services(config.root()).empty() || !running_helpers(config.root()).empty();
  // Who ended for want of room would be started again and again by whoever looks after him, and in the end no more.
  return some_run || is_no_space(opened.error()) ? Result<>{} : opened;
}
}  // namespace

Result<Place> take_place(const Arguments& arguments, const Config& config, Detach& detach,
                         JournalGate& gate) {
  const auto& resume = arguments.resume;
  TRY_VOID(become_service_user(config.text("local.serveruid"), config.root()));
  if (!resume) TRY_VOID(services_own(config.root()));
  TRY_VOID(make_directories(config.path_of("run")));
  TRY_VOID(make_directories(config.path_of("log")));
  open_log(config, "watcher");
  if (!arguments.foreground && !resume) TRY_VOID(detach.begin());
  Place place{UniqueFd(resume ? resume->lock : -1), UniqueFd(resume ? resume->listener : -1)};
  if (!resume) {
    // It is there as long as a watcher runs, and when one was killed.
    const bool was_there = file_exists(config.path_of("run/watcher.pid"));
    TRY(place.lock, lock_pid_file(config.path_of("run/watcher.pid")));
    end_lost_watcher(config.root(), place.lock.get());
    if (!was_there && !running_services(config.root()).empty())
      gate.others_must_end(
          "run/ was removed while services run, which nobody reaches any more: run stop-msg, "
          "then start-msg");
  }
  ::umask(077);
  TRY_VOID(open_journal(arguments, config, gate));
  if (!resume) {
    TRY(place.listener, listen_unix(config.path_of("run/watcher")));
  }
  for (const auto* fd : {&place.lock, &place.listener}) ::fcntl(fd->get(), F_SETFD, FD_CLOEXEC);
  return place;
}

}  // namespace waxwing
