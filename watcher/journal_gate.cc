#include "watcher/journal_gate.h"

#include <utility>

#include "common/base/space.h"
#include "common/daemon/instance_journal.h"

namespace waxwing {

Result<> JournalGate::open(const Config& config) {
  if (open_) return {};
  if (const auto held = instance_journal_of_others(config)) {
    others_must_end(held->text);
    return std::unexpected(*held);
  }
  auto opened = open_instance_journal(config);
  if (!opened && is_no_space(opened.error()))
    opened.error().text += "; make room on its file system, then run start-msg";
  open_ = opened.has_value();
  if (!others_) trouble_ = opened ? "" : opened.error().text;
  return opened;
}

void JournalGate::others_must_end(std::string why) {
  others_ = true;
  trouble_ = std::move(why);
}

void JournalGate::others_have_ended() {
  others_ = false;
  trouble_.clear();
}

}  // namespace waxwing
