// What is done in a user's home is done with the user's rights, when ours are root's: of this thread only, and
// until the end of the scope.
//
// No durable::commit() within: it may do the pass of all who wait, on this thread, and start threads, which
// would have the user's rights for ever. What is to be synced is opened as the owner and committed afterwards.
#pragma once

#include "channels/native_master/mailbox.h"

namespace waxwing::channels {

class AsOwner {
 public:
  explicit AsOwner(const Owner& owner);
  ~AsOwner();
  AsOwner(const AsOwner&) = delete;
  AsOwner& operator=(const AsOwner&) = delete;

 private:
  bool changed_ = false;
  int uid_before_ = 0, gid_before_ = 0;
};

}  // namespace waxwing::channels
