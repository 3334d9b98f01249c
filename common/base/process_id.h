// getpid() without a system call.
#pragma once

#include <sys/types.h>

namespace waxwing {

// Asked of the kernel once, and again after a fork(). Thread-safe.
pid_t process_id();

}  // namespace waxwing
