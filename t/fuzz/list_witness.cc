// The witness of the mailbox list's log (store/stored/list_witness.h), and a log or witness that was damaged: what was
// committed is never missed in silence. The first line is the log; then what happens to it, and where.
#include "store/stored/list_witness.h"

#include <xxhash.h>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "store/detail/errors.h"
#include "t/fuzz/frame/scratch.h"
#include "t/fuzz/fuzz.h"

#include <cstring>

using namespace waxwing;
using namespace waxwing::store;

namespace {

constexpr std::size_t kOwnHashAt = 32;

struct Place {
  const std::string folder = fuzz::scratch("witness");
  const std::string log = folder + "/log.0000000001", witness = folder + "/witness";
};

// As somebody who knows the hash could write one.
std::string fitted(std::string_view bytes) {
  std::string wire(bytes.substr(0, 40));
  wire.resize(40);
  std::memcpy(wire.data(), "WXLISTW\n\1\0\0", 12);
  const auto hash = XXH3_64bits(wire.data(), kOwnHashAt);
  std::memcpy(wire.data() + kOwnHashAt, &hash, sizeof hash);
  return wire;
}

bool lost(const Place& place) {
  const auto checked = ListWitness(place.folder).check();
  return !checked && code_of(checked.error()) == Code::corrupt;
}

void damage_log(const Place& place, const std::string& log, std::size_t committed, std::size_t where) {
  auto changed = log;
  changed[where] = static_cast<char>(changed[where] ^ 1);
  MUST(replace_file(place.log, changed));
  MUST(lost(place) == (where < committed));
  MUST(replace_file(place.log, log.substr(0, where)));
  MUST(lost(place) == (where < committed));
  MUST(remove_tree(place.log));
  MUST(lost(place));
}

}  // namespace

FUZZ_TARGET(list_witness) {
  static const Place place;
  fuzz::Input in(input);
  const std::string log = std::string(in.line()) + "x";
  const auto committed = in.word() % (log.size() + 1), where = in.word() % log.size();
  (void)remove_tree(place.witness);
  MUST(replace_file(place.log, log));
  ListWitness(place.folder).note(1, committed);
  MUST(file_exists(place.witness) == (committed > 0) || committed == 0);
  MUST(ListWitness(place.folder).check().has_value());
  MUST(replace_file(place.log, log + "more"));
  MUST(ListWitness(place.folder).check().has_value());
  if (committed > 0) damage_log(place, log, committed, where);

  MUST(replace_file(place.log, log));
  if (auto own = read_file(place.witness); own && !own->empty()) {
    auto& byte = (*own)[where % own->size()];
    byte = static_cast<char>(byte ^ (in.byte() | 1));
    MUST(replace_file(place.witness, *own));
    MUST(!ListWitness(place.folder).check());
  }
  for (const auto& bytes : {std::string(in.rest()), fitted(in.rest())}) {
    MUST(replace_file(place.witness, bytes));
    const auto checked = ListWitness(place.folder).check();
    if (!checked) MUST(!checked.error().text.empty());
  }
}
