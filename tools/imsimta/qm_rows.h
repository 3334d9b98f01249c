// What the listings of qm share: the messages of a channel, from the tree or from memory, and how things are written.
#pragma once

#include <map>

#include "mta/queue/reader.h"
#include "tools/imsimta/queue_files.h"

namespace waxwing::imsimta {

struct Row {
  mta::queue::FileName name;
  std::uint64_t bytes = 0;
  std::int64_t since = 0;  // seconds
};

// In the order in which they came. held: only held ones.
Result<std::vector<Row>> rows_of(const mta::queue::Queue& queue, const std::string& channel, bool held);
// The same from the job controller's memory, by channel; channel may be empty for all. What is held is not there.
Result<std::map<std::string, std::vector<Row>>> rows_in_memory(const Context& context,
                                                               const std::string& channel);
// The one that was named, or all; error when nothing is queued for it.
Result<std::vector<std::string>> chosen_channels(const mta::queue::Queue& queue, const std::string& channel);

void print(const std::string& text);
std::string now_text();
std::string when(std::int64_t seconds);
std::string kilobytes(std::uint64_t bytes);
const char* status_text(const mta::queue::Progress& progress);

// What the first Subject: field says, decoded; empty when there is none.
std::string subject_of(const mta::queue::Reader& reader);

// -directory_tree and -database, or what qm view set: true for memory. What is held is in the tree only.
Result<bool> takes_memory(Arguments& arguments, bool held = false);

}  // namespace waxwing::imsimta
