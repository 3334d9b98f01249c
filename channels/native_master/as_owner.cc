#include "channels/native_master/as_owner.h"

#include <sys/fsuid.h>
#include <unistd.h>

namespace waxwing::channels {

AsOwner::AsOwner(const Owner& owner) : changed_(owner.lends_rights && ::geteuid() == 0) {
  if (!changed_) return;
  gid_before_ = ::setfsgid(owner.gid);
  uid_before_ = ::setfsuid(owner.uid);
}

AsOwner::~AsOwner() {
  if (!changed_) return;
  ::setfsuid(static_cast<uid_t>(uid_before_));
  ::setfsgid(static_cast<gid_t>(gid_before_));
}

}  // namespace waxwing::channels
