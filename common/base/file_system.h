// What a file system keeps of the order in which names were made, when the power fails.
//
// A replay of the journal (journal_replay.h) is sure of all it is asked to do where names (creations, links, renames,
// removals) become durable in the order in which they were made, as where the file system has a journal of
// metadata, or commits trees whole. Elsewhere the removal of one name of a file may be on disk and an older link,
// in another directory, may not; journal_order.h says what is done then.
#pragma once

#include <string>
#include <string_view>

namespace waxwing {

struct FileSystem {
  enum class Names { in_order, in_no_order, unknown };
  Names names = Names::unknown;
  std::string kind;  // in words: "ext4 without a journal (vda)"
};

// Of the file system that path, which exists, lies on. system: where proc and sys are, "" but in tests.
// WAXWING_TEST_FILE_SYSTEM=in_order or =in_no_order in the environment overrides it, for tests.
FileSystem file_system_of(const std::string& path, const std::string& system = {});

// For a person who has queue or store on one that does not keep names in order.
constexpr std::string_view kNamesAdvice =
    "the journal does more for each message here, but what a power cut leaves of the file system itself "
    "is up to "
    "its own check: use ext4 with its journal (tune2fs -O has_journal), xfs or btrfs; see journal(5)";

// The same for ext2, ext3 and ext4, which have one magic: is there a journal? device: "vda1".
FileSystem ext_file_system(const std::string& device, const std::string& system);

}  // namespace waxwing
