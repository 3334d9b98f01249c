// Two files for one message: which of them stays.
#include <algorithm>
#include <map>

#include "common/log/log.h"
#include "mta/queue/reader.h"

namespace waxwing::mta::queue {

namespace {
bool is_whole(const Queue& queue, const FileName& name) {
  const auto reader = Reader::open(queue, name);
  return reader && reader->verify_message();
}

// The journal made the older name again, with every mark that was promised; the newer one may have lost some.
// A held file that was being released, or one that was being held: the operator, or the channel program, does
// it again where it was due.
bool is_older(const FileName& a, const FileName& b) {
  return a.held != b.held ? !a.held : a.attempts < b.attempts;
}

// Of two names of one file the younger stays: to that it was renamed, and to the older somebody who still does it might
// not come back. True: the rename goes on.
Result<bool> end_renames(const Queue& queue, std::vector<FileName>& twins) {
  std::ranges::sort(twins, is_older);
  for (std::size_t i = 0; i + 1 < twins.size();) {
    TRY(const auto names, durable::end_rename(queue.path_of(twins[i]), queue.path_of(twins[i + 1])));
    if (names == durable::TwoNames::go_on) return true;
    if (names == durable::TwoNames::ended)
      twins.erase(twins.begin() + static_cast<std::ptrdiff_t>(i));
    else
      ++i;
  }
  return false;
}

// Index of the one that stays; nothing when there is no choice to make: a rename is just going on, or none is
// whole.
std::optional<std::size_t> choose(const Queue& queue, const std::vector<FileName>& twins) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < twins.size(); ++i) {
    if (!file_exists(queue.path_of(twins[i]))) return std::nullopt;
    if (is_whole(queue, twins[i]) && (!best || is_older(twins[i], twins[*best]))) best = i;
  }
  return best;
}
}  // namespace

std::vector<FileName> Queue::without_twins(std::vector<FileName> names) const {
  std::ranges::sort(names, {}, [](const FileName& name) { return std::tie(name.id, name.copy); });
  const auto same = [](const FileName& a, const FileName& b) { return a.id == b.id && a.copy == b.copy; };
  std::vector<FileName> kept;
  for (auto at = names.begin(); at != names.end();) {
    const auto end = std::find_if(at, names.end(), [&](const FileName& name) { return !same(*at, name); });
    std::vector<FileName> twins(at, end);
    at = end;
    const bool goes_on = twins.size() > 1 && end_renames(*this, twins).value_or(true);
    const auto stays = goes_on            ? std::nullopt
                       : twins.size() > 1 ? choose(*this, twins)
                                          : std::optional<std::size_t>(0);
    for (std::size_t i = 0; i < twins.size(); ++i) {
      if (stays.value_or(i) == i) {
        kept.push_back(twins[i]);
        continue;
      }
      const auto removed = remove(twins[i]);
      log::Event("queue.twin_removed")
          .with("qid", twins[i].id)
          .with("file", twins[i].relative())
          .with("stays", twins[*stays].relative())
          .with("error", removed ? "" : removed.error().text)
          .warning();
    }
  }
  return kept;
}

}  // namespace waxwing::mta::queue
