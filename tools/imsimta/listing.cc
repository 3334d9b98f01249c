// The numbered listing. Every operator works as the service user, so the numbers belong to the session of the terminal
// (or of the cron job, or script) that has listed: nobody's listing changes what another's numbers mean.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "common/base/file.h"
#include "common/base/process_stat.h"
#include "common/base/strings.h"
#include "tools/imsimta/queue_files.h"

namespace waxwing::imsimta {

using mta::queue::FileName;

namespace {

// What was listed by this very process: a session of commands goes by it alone.
std::optional<std::vector<FileName>>& own_listing() {
  static std::optional<std::vector<FileName>> listing;
  return listing;
}

// When the leader of the session was started, so that a number which is used again is told apart; nothing when it
// has ended.
std::optional<std::uint64_t> start_of(pid_t session) {
  const auto stat = process_stat(session);
  if (!stat) return std::nullopt;
  return stat->start_ticks;
}

std::string listing_name() {
  const auto session = ::getsid(0);
  return fmt::format("qm.{}.{}.{}", ::getuid(), session, start_of(session).value_or(0));
}

// Those of sessions that are over.
void remove_old_listings(const std::string& folder) {
  const auto ours = listing_name();
  const auto names = list_directory(folder);
  if (!names) return;
  for (const auto& name : *names) {
    const auto parts = split(name, '.');
    if (parts.size() != 4 || parts[0] != "qm" || name == ours) continue;
    const auto session = to_number<pid_t>(parts[2]);
    if (session && start_of(*session) != to_number<std::uint64_t>(parts[3]))
      ::unlink((folder + "/" + name).c_str());
  }
}

}  // namespace

Result<> save_listing(const Context& context, const std::vector<FileName>& names) {
  own_listing() = names;
  const auto folder = context.root + "/run";
  const auto path = folder + "/" + listing_name();
  ::unlink(
      path.c_str());  // where the new one cannot be kept, its numbers must not mean the old one's messages
  remove_old_listings(folder);
  std::string text;
  for (const auto& name : names) text += name.relative() + "\n";
  const auto kept = replace_file(path, text);
  if (!kept)
    fmt::print(
        stderr,
        "%QM-W-NOTKEPT, later commands do not know these numbers ({}): name messages by their queue ids\n",
        kept.error().text);
  return {};
}

Result<std::vector<FileName>> load_listing(const Context& context) {
  if (own_listing()) return *own_listing();
  std::vector<FileName> names;
  const auto text = read_file(context.root + "/run/" + listing_name(), 512 << 20);
  if (!text)
    return permanent(
        "a number means a message of the last listing of this session, and there was none: 'imsimta qm "
        "directory' lists, or name messages by their queue ids");
  std::string_view rest = *text;
  while (!rest.empty()) {
    auto name = FileName::parse(take_until(rest, '\n'));
    if (name) names.push_back(std::move(*name));
  }
  return names;
}

}  // namespace waxwing::imsimta
