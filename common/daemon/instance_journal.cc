#include "common/daemon/instance_journal.h"

#include <cstdlib>

#include "common/base/durable.h"
#include "common/config/places.h"
#include "common/log/log.h"

namespace waxwing {

namespace {
void log_event(const char* name, const durable::JournalSettings::Fields& fields, bool error) {
  log::Event event(name);
  for (const auto& [field, value] : fields) event.with(field, value);
  error ? event.error() : event.notice();
}
}  // namespace

Result<> open_instance_journal(const Config& config) {
  durable::JournalSettings settings;
  settings.root = config.root();
  settings.directory = config.path_of("journal");
  settings.control = config.path_of("run/journal");
  settings.segment_bytes = static_cast<std::uint64_t>(config.number("journal.segmentbytes"));
  settings.segments = static_cast<unsigned>(config.number("journal.segments"));
  settings.report = log_event;
  TRY_VOID(durable::covers(config.path_of("queue")));
  for (const auto& [nick, path] : partition_directories(config)) TRY_VOID(durable::covers(path));
  if (!config.flag("journal.enabled")) return durable::retire_journal(std::move(settings));
  return durable::open_journal(std::move(settings));
}

Result<> open_instance_journal_until_exit(const Config& config) {
  TRY_VOID(open_instance_journal(config));
  if (std::atexit(durable::leave_journal) != 0) return temporary("no memory");
  return {};
}

}  // namespace waxwing
