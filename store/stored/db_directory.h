// How Berkeley DB looks into directories.
#pragma once

namespace waxwing::store {

// By itself it takes a directory that the disk does not let it read on for one that ends there: a log that it does
// not see is begun anew, over what was committed. After this call, opening an environment fails then instead. For the
// whole process; before any environment is opened.
void see_directories();

}  // namespace waxwing::store
