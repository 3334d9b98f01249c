#include "common/base/journal_troubles.h"

#include <fcntl.h>

#include "common/base/is_there.h"
#include "common/base/journal_control.h"
#include "common/base/journal_mark.h"
#include "common/base/journal_start.h"

namespace waxwing::durable {

namespace {
// Nobody appends to a broken one; the next commit, and the housekeeper, try to come out of that.
Result<bool> is_broken(const JournalSettings& settings) {
  TRY(const auto lock, open_file(settings.directory + "/lock", O_RDWR | O_NOFOLLOW));
  TRY(const auto control, Control::attach(settings.control, lock.get()));
  return control && control->closed == 0 && control->broken != 0;
}

Result<std::vector<std::string>> troubles_of(const JournalSettings& settings) {
  std::vector<std::string> troubles;
  TRY(const bool used, is_there(settings.directory + "/lock"));
  if (!used) return troubles;
  TRY(const bool broken, is_broken(settings));
  if (broken)
    troubles.push_back("the journal " + settings.directory +
                       " cannot be written or synced, so nothing can be made durable: see to its disk (the "
                       "kernel's log; event journal.broken); it is tried again by itself");
  TRY(const auto roots, load_roots(settings.directory));
  for (const auto& root : roots) {
    const auto path = root.name.starts_with('/') ? root.name : settings.root + "/" + root.name;
    if (const auto known = recognise_root(path, root.mark); !known) troubles.push_back(known.error().text);
  }
  return troubles;
}
}  // namespace

std::vector<std::string> journal_troubles(const JournalSettings& settings) {
  auto troubles = troubles_of(settings);
  if (!troubles) return {troubles.error().text};
  return std::move(*troubles);
}

}  // namespace waxwing::durable
