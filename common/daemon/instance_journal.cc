#include "common/daemon/instance_journal.h"

#include <cstdlib>
#include <set>
#include <vector>

#include "common/base/durable.h"
#include "common/base/file.h"
#include "common/base/file_system.h"
#include "common/base/journal_others.h"
#include "common/base/journal_troubles.h"
#include "common/config/places.h"
#include "common/log/log.h"

namespace waxwing {

namespace {
void log_event(const char* name, const durable::JournalSettings::Fields& fields, bool error) {
  log::Event event(name);
  for (const auto& [field, value] : fields) event.with(field, value);
  error ? event.error() : event.notice();
}

durable::JournalSettings settings_of(const Config& config) {
  durable::JournalSettings settings;
  settings.root = config.root();
  settings.directory = config.path_of("journal");
  settings.control = config.path_of("run/journal");
  settings.segment_bytes = static_cast<std::uint64_t>(config.number("journal.segmentbytes"));
  settings.segments = static_cast<unsigned>(config.number("journal.segments"));
  settings.report = log_event;
  return settings;
}
}  // namespace

Result<> open_instance_journal(const Config& config) {
  auto settings = settings_of(config);
  TRY_VOID(durable::covers(config.path_of("queue")));
  for (const auto& [nick, path] : partition_directories(config)) TRY_VOID(durable::covers(path));
  if (!config.flag("journal.enabled")) return durable::retire_journal(std::move(settings));
  return durable::open_journal(std::move(settings));
}

std::optional<Error> instance_journal_of_others(const Config& config) {
  return durable::journal_of_others(settings_of(config));
}

std::vector<std::string> instance_journal_troubles(const Config& config) {
  if (!config.flag("journal.enabled")) return {};
  return durable::journal_troubles(settings_of(config));
}

void warn_of_file_systems(const Config& config) {
  std::vector<std::string> directories{config.path_of("journal"), config.path_of("queue")};
  for (const auto& [nick, path] : partition_directories(config)) directories.push_back(path);
  std::set<std::string> told;
  for (const auto& directory : directories) {
    if (!file_exists(directory)) continue;
    const auto found = file_system_of(directory);
    if (found.names == FileSystem::Names::in_order || !told.insert(found.kind).second) continue;
    const bool unknown = found.names == FileSystem::Names::unknown;
    log::Event("journal.names")
        .with("directory", directory)
        .with("file_system", found.kind)
        .with("names", unknown ? "order not known" : "become durable in no order")
        .with("action", kNamesAdvice)
        .warning();
  }
}

Result<> open_instance_journal_until_exit(const Config& config) {
  TRY_VOID(open_instance_journal(config));
  if (std::atexit(durable::leave_journal) != 0) return temporary("no memory");
  return {};
}

}  // namespace waxwing
