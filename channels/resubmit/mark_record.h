// The text of a mark. Pure; see taken.h for what marks are.
//
//   waxwing taken 2 <run> <queue id>      run: of who wrote it; what the message went on as
//   to <index>                            a line for each recipient, by its place in the envelope
//   as <channel>/<nnn>/<name> <path>      a line for each new queue file: its name; below queue/, where it lay until then
//   with <name>                           in the first of several marks of one commit: another
//   behind <name>                         in each of those: the first
//   end <XXH3 of all before, 16 hex digits>
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "mta/queue/queue.h"

namespace waxwing::channels {

struct MarkRecord {
  std::string run, queue_id;
  std::vector<std::size_t> recipients;
  struct File {
    mta::queue::FileName name;
    std::string temporary;
  };
  std::vector<File> files;
  std::vector<std::string> with;
  std::string behind;
};

std::string encode_mark(const MarkRecord& record);
// Permanent error: it is damaged.
Result<MarkRecord> parse_mark(std::string_view text);

}  // namespace waxwing::channels
