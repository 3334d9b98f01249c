// The small files of the journal: the mark of a root, the list of roots, the checkpoint. The first byte chooses; its
// upper half says which checksums are made to fit.
#include <xxhash.h>

#include "common/base/file.h"
#include "common/base/journal_mark.h"
#include "common/base/journal_record.h"
#include "common/base/journal_segment.h"
#include "common/base/journal_start.h"
#include "common/base/strings.h"
#include "common/spool/bytes.h"
#include "t/fuzz/frame/scratch.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::durable;

namespace {

std::string hash_of(std::string_view bytes) {
  const std::uint64_t hash = XXH3_64bits(bytes.data(), bytes.size());
  return to_hex({reinterpret_cast<const char*>(&hash), sizeof hash});
}

// A whole mark is that of one directory; anything else is no mark, or a damaged one that is told from none.
void mark(std::string_view bytes, bool fits) {
  const auto folder = fuzz::scratch("mark");
  std::string text(bytes);
  if (fits) {
    const auto number = std::string(bytes.substr(0, 16));
    text = "waxwing journal root 1 " + number + " " + hash_of(number) + "\n";
  }
  MUST(replace_file(folder + "/.journal", text));
  const std::string known = "0123456789abcdef";
  const auto recognised = recognise_root(folder, known);
  const bool damaged = has_damaged_mark(folder).value();
  if (fits && text.size() == 23 + 16 + 1 + 16 + 1)
    MUST(!damaged && bool(recognised) == (bytes.substr(0, 16) == known));
  if (damaged) MUST(recognised);
  if (!recognised) MUST(recognised.error().text.find(folder) != std::string::npos);
  MUST(recognise_root(folder, ""));
}

void roots(std::string_view bytes, bool fits) {
  const auto folder = fuzz::scratch("roots");
  std::string text(bytes);
  if (fits) {
    text = "waxwing journal roots 2\n" + text;
    text += "end " + hash_of(text) + "\n";
  }
  MUST(replace_file(folder + "/roots", text));
  const auto loaded = load_roots(folder);
  if (!loaded) {
    MUST(!fits && loaded.error().text.find(folder) != std::string::npos);
    return;
  }
  for (const auto& root : *loaded) MUST(is_plain_path(root.name) && root.mark != "-");
  MUST(store_roots(folder, *loaded));
  MUST(*load_roots(folder) == *loaded);
}

void checkpoint(std::string_view bytes, bool fits) {
  const auto folder = fuzz::scratch("checkpoint");
  std::string slot(bytes);
  if (fits) {
    slot = "WAXWJCHK";
    spool::put_le<std::uint32_t>(slot, 1);
    slot.append(bytes).resize(48);
    spool::put_le<std::uint64_t>(slot, XXH3_64bits(slot.data(), slot.size()));
  }
  MUST(replace_file(checkpoint_path(folder), slot));
  const auto loaded = load_checkpoint(folder);
  if (!loaded) {
    MUST(loaded.error().text.find(folder) != std::string::npos);
    return;
  }
  MUST(*loaded && (*loaded)->segment_bytes >= kLeastSegmentBytes &&
       (*loaded)->segment_bytes <= kMostSegmentBytes);
}

}  // namespace

FUZZ_TARGET(journal_files) {
  fuzz::Input in(input);
  const auto choice = in.byte();
  const bool fits = (choice & 0x10) != 0;
  if (choice % 3 == 0) mark(in.rest(), fits);
  if (choice % 3 == 1) roots(in.rest(), fits);
  if (choice % 3 == 2) checkpoint(in.rest(), fits);
}
