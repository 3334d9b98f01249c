// The MTA's databases, as database(5) has them. Bits 0 to 3 of the first byte choose how the rest is read: as the text
// that crdb takes, with bits 4 to 7 its options; as an image; or as the records of an image whose header, slots and
// checksums are made to fit.
#include <xxhash.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/spool/bytes.h"
#include "mta/config/database_image.h"
#include "mta/config/database_text.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::mta;

namespace {

void refused(const Error& error) {
  MUST(error.fault == Fault::permanent && !error.text.empty());
}

// Whatever is found is what all() tells, under that key.
void image(std::string_view bytes) {
  const auto opened = DatabaseImage::open(bytes);
  if (!opened) return refused(opened.error());
  const auto all = opened->all();
  if (!all) refused(all.error());
  if (all) MUST(all->size() == opened->size());
  for (const std::string_view key : {"sales", "a", "", "no such key"}) {
    const auto found = opened->find(key);
    if (!found) refused(found.error());
    if (!found || !all) continue;
    const auto there =
        std::ranges::count_if(*all, [&](const auto& entry) { return iequals(entry.first, key); });
    MUST(static_cast<std::ptrdiff_t>(found->size()) <= there);
  }
}

// Header and slots that fit, the records as they come.
void fitted(fuzz::Input in) {
  constexpr std::size_t kHeader = 72, kSlots = 4;
  const auto claimed = in.byte() % kSlots;
  std::string slots;
  for (std::size_t n = 0; n < kSlots; ++n) {
    const std::string_view key = n == 0 ? "sales" : "a";
    spool::put_le<std::uint64_t>(slots, XXH64(key.data(), key.size(), 0));
    spool::put_le<std::uint64_t>(slots, in.word());
  }
  const std::string records(in.rest());
  std::string header = "WXDATAB\n";
  spool::put_le<std::uint32_t>(header, kDatabaseVersion);
  spool::put_le<std::uint32_t>(header, 0);
  for (const std::uint64_t number :
       {std::uint64_t{claimed}, std::uint64_t{kSlots}, kHeader + records.size(),
        kHeader + records.size() + slots.size(), std::uint64_t{1}, XXH64(slots.data(), slots.size(), 0)})
    spool::put_le<std::uint64_t>(header, number);
  spool::put_le<std::uint64_t>(header, XXH64(header.data(), header.size(), 0));
  image(header + records + slots);
}

void text(std::string_view bytes, unsigned options) {
  const auto read = parse_database_text(bytes, "fuzz.txt",
                                        {.quoted = (options & 1) != 0,
                                         .remove_quotes = (options & 2) != 0,
                                         .strip_colons = (options & 4) != 0,
                                         .duplicates = (options & 8) != 0});
  MUST(read.entries.size() + read.duplicates.size() + read.errors.size() == read.lines);
  const auto encoded = encode_database(read.entries, 1);
  MUST(encoded);
  const auto opened = DatabaseImage::open(*encoded);
  MUST(opened && opened->size() == read.entries.size());
  for (const auto& [key, value] : read.entries) {
    const auto found = opened->find(to_lower(key));
    MUST(found && std::ranges::find(*found, value) != found->end());
  }
  // What crdb -dump writes, crdb reads.
  const auto again = parse_database_text(write_database_text(read.entries), "again.txt",
                                         {.quoted = true, .remove_quotes = true, .duplicates = true});
  MUST(again.errors.empty() && again.entries == read.entries);
}

}  // namespace

FUZZ_TARGET(databases) {
  fuzz::Input in(input);
  const auto choice = in.byte();
  if (choice % 4 == 0) text(in.rest(), choice >> 4);
  if (choice % 4 == 1) image(in.rest());
  if (choice % 4 == 2) fitted(in);
}
