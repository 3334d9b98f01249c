#include "imapd/store_flags.h"

#include "imapd/parse/flag_list.h"
#include "store/mailbox.h"

namespace waxwing::imap {
namespace {

struct Pair {
  unsigned imap;
  std::uint32_t store;
};
constexpr Pair kPairs[] = {{Flags::answered, store::kAnswered},
                           {Flags::flagged, store::kFlagged},
                           {Flags::deleted, store::kDeleted},
                           {Flags::seen, store::kSeen},
                           {Flags::draft, store::kDraft}};

}  // namespace

std::uint32_t store_flags(unsigned imap) {
  std::uint32_t bits = 0;
  for (const auto& pair : kPairs)
    if (imap & pair.imap) bits |= pair.store;
  return bits;
}

unsigned imap_flags(std::uint32_t store) {
  unsigned bits = 0;
  for (const auto& pair : kPairs)
    if (store & pair.store) bits |= pair.imap;
  return bits;
}

}  // namespace waxwing::imap
