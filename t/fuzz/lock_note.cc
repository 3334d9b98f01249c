// FILE.lock as native finds it beside an mbox (channels/native_master/dot_lock.h): whatever it says, whole messages
// stay. The first byte says which words are put in place of the letters H, B and I, so that the rest is looked at: this
// host, another system run, the mailbox's inode.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channels/native_master/dot_lock.h"
#include "common/base/durable.h"
#include "common/base/file.h"
#include "common/base/strings.h"
#include "t/fuzz/frame/scratch.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::channels;

namespace {

constexpr std::string_view kWhole = "From ann Sun Nov 22 15:00:00 2026\nSubject: one\n\ntext\n\n";
constexpr std::string_view kHalf = "From bob Sun Nov 22 16:00:00 2026\nSubject: tw";

Owner myself() {
  return Owner{"me", "/", ::geteuid(), ::getegid(), false};
}

// HOST/PID-NAMESPACE as a lock of this process has it.
std::string this_host(const std::string& mbox) {
  const auto owner = myself();
  DotLock lock(mbox, owner);
  if (!lock.take(0)) return "-";
  const auto text = read_file(mbox + ".lock");
  const auto words = split_words(*text);
  return words.size() > 2 ? std::string(words[2]) : "-";
}

std::string note_of(std::string_view bytes, std::uint8_t choice, const std::string& mbox) {
  static const std::string host = this_host(mbox);
  struct stat status {};
  MUST(::stat(mbox.c_str(), &status) == 0);
  std::string note(bytes);
  if (choice & 1) note = replace_all(note, "H", host);
  if (choice & 2) note = replace_all(note, "B", "00000000-0000-0000-0000-000000000000");
  if (choice & 4) note = replace_all(note, "I", std::to_string(status.st_ino));
  return note;
}

}  // namespace

FUZZ_TARGET(lock_note) {
  fuzz::Input in(input);
  const auto choice = in.byte();
  const auto mbox = fuzz::scratch("mbox") + "/mbox", lock = mbox + ".lock";
  const auto owner = myself();
  ::unlink(lock.c_str());
  for (const bool half : {false, true}) {
    MUST(replace_file(mbox, std::string(kWhole) + std::string(kWhole) + std::string(half ? kHalf : "")));
    MUST(replace_file(lock, note_of(in.rest(), choice, mbox)));
    {
      DotLock mine(mbox, owner);
      const auto taken = mine.take(0);
      if (!taken) MUST(taken.error().fault == Fault::temporary && !taken.error().text.empty());
    }
    const auto left = *read_file(mbox);
    // The last whole message may be one that was not finished, for all that a note can tell; the one before may not.
    MUST(left.starts_with(kWhole));
    ::unlink(lock.c_str());
  }
}
