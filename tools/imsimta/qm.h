// imsimta qm: a command a line, or one command as arguments. Sub-commands in qm_list.cc and qm_change.cc.
#pragma once

#include "tools/imsimta/queue_files.h"

namespace waxwing::imsimta {

Result<int> qm_directory(const Context& context, Arguments arguments);
Result<int> qm_summarize(const Context& context, Arguments arguments);
Result<int> qm_top(const Context& context, Arguments arguments);
Result<int> qm_clean(const Context& context, Arguments arguments);
Result<int> qm_read(const Context& context, Arguments arguments);
// verb: hold, release, return, delete.
Result<int> qm_change(const Context& context, const std::string& verb, Arguments arguments);
// The same for these files; 1 when something was refused.
Result<int> change_messages(const Context& context, const std::string& verb,
                            const std::vector<mta::queue::FileName>& names, bool quiet);
Result<int> qm_channel(const Context& context, const std::string& verb, Arguments arguments);  // start, stop

}  // namespace waxwing::imsimta
