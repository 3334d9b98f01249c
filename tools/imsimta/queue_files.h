// What the queue commands of imsimta share: the tree, the numbered listing, word with the job controller.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/record.h"
#include "mta/queue/reader.h"
#include "tools/imsimta/command.h"

namespace waxwing::imsimta {

std::shared_ptr<mta::queue::Queue> open_queue(const Context& context);

// One answer of the job controller; its "error" packets become permanent errors. Rows before the answer go to
// row. Temporary error when it does not run.
Result<Record> ask_controller(const Context& context, const Record& request,
                              const std::function<void(const Record&)>& row = {});
bool controller_runs(const Context& context);

// The numbers of `qm directory` stay valid for the commands after it in the same session; listing.cc. Permanent error:
// nothing was listed in this one.
Result<> save_listing(const Context& context, const std::vector<mta::queue::FileName>& names);
Result<std::vector<mta::queue::FileName>> load_listing(const Context& context);

// The name a file has now: each attempt renames it, and so do hold and release. Nothing when it is gone.
std::optional<mta::queue::FileName> current_name(const mta::queue::Queue& queue,
                                                 const mta::queue::FileName& known);

// "3", "1-4", "2,5-7", a queue id, or a file name (with or without channel and directory, as it is now or was
// before), each against the listing or the tree. Permanent error for what fits nothing.
Result<std::vector<mta::queue::FileName>> select_messages(const Context& context,
                                                          const mta::queue::Queue& queue,
                                                          const std::string& channel,
                                                          const std::vector<std::string>& words);
// The same, or with all the messages of the last listing. usage is told when nothing is chosen.
Result<std::vector<mta::queue::FileName>> all_or_selected(const Context& context,
                                                          const mta::queue::Queue& queue,
                                                          const std::string& channel, bool all,
                                                          const std::vector<std::string>& words,
                                                          const std::string& usage);
// Numbers of "1-4,7": each from 1 to count, at most 100,000 of them.
Result<std::vector<std::size_t>> parse_numbers(std::string_view text, std::size_t count);

}  // namespace waxwing::imsimta
