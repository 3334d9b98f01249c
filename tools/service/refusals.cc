#include "tools/service/refusals.h"

#include <algorithm>
#include <map>

#include "common/base/record.h"
#include "common/config/places.h"
#include "common/daemon/instance_journal.h"
#include "common/directory/directory.h"
#include "common/log/log.h"
#include "common/net/seqpacket.h"

namespace waxwing {

namespace {
constexpr std::int64_t kAnswerMs = 5'000;

// Partitions with mailboxes that are not there: the directory of each, and what stored says. Nothing where it does not run.
Result<std::map<std::string, std::string>> away(const Config& config) {
  std::map<std::string, std::string> found;
  const auto socket = connect_unix(config.path_of("run/stored"));
  if (!socket) return found;
  TRY_VOID(send_packet(socket->get(), Record("partitions").set("id", 1)));
  const auto directories = partition_directories(config);
  for (;;) {
    TRY(const auto packet, receive_packet(socket->get(), kAnswerMs));
    if (!packet) return found;  // it ends
    if (packet->record.is("event")) continue;
    const auto nicks = packet->record.all("away"), why = packet->record.all("why");
    for (std::size_t i = 0; i < std::min(nicks.size(), why.size()); ++i)
      if (const auto at = directories.find(std::string(nicks[i])); at != directories.end())
        found.emplace(at->second, why[i]);
    return found;
  }
}

// The question that every recipient begins with.
std::string directory_trouble(const Config& config) {
  if (!config.is_set("directory.urls")) return {};  // it has none
  auto settings = directory::Settings::from(config);
  if (!settings) return settings.error().text;
  // What it would say of the server is in the answer.
  log::Options quiet;
  quiet.level = log::Level::critical;
  log::open(quiet);
  settings->connect_timeout_ms = std::min(settings->connect_timeout_ms, kAnswerMs);
  settings->search_timeout_ms = std::min(settings->search_timeout_ms, kAnswerMs);
  const auto domain = settings->default_domain;
  const auto directory = directory::Directory::open(std::move(*settings));
  if (!directory) return directory.error().text;
  const auto answer = (*directory)->domain(domain, directory::Ask::may_block);
  if (answer || answer.error().fault != Fault::temporary) return {};
  return "the directory cannot be asked (" + answer.error().text +
         "): recipients and logins that are not remembered are put off; see directory.urls and the log of "
         "the "
         "directory server";
}
}  // namespace

std::vector<std::string> why_mail_is_refused(const Config& config) {
  auto reasons = instance_journal_troubles(config);
  const auto told = [&](const std::string& directory) {
    return std::ranges::any_of(
        reasons, [&](const auto& reason) { return reason.find(directory) != std::string::npos; });
  };
  const auto partitions = away(config);
  if (!partitions)
    reasons.push_back("stored does not say whether its partitions are there: " + partitions.error().text);
  else
    for (const auto& [directory, why] : *partitions)
      if (!told(directory)) reasons.push_back(why);
  if (auto trouble = directory_trouble(config); !trouble.empty()) reasons.push_back(std::move(trouble));
  return reasons;
}

}  // namespace waxwing
