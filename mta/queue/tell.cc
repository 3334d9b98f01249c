// Word to the job controller: best effort, never a wait worth naming. What does not reach it is in the tree.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "common/log/log.h"
#include "common/net/seqpacket.h"
#include "mta/queue/queue.h"

namespace waxwing::mta::queue {

namespace {
constexpr int kFullSocketWaitMs = 200;

// 0, or errno.
int send_now(int socket, const std::string& bytes) {
  for (;;) {
    if (::send(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}
}  // namespace

void Queue::tell_job_controller(const Record& record) {
  const auto bytes = record.encode();
  const std::lock_guard lock(mutex_);
  for (int round = 0; round < 2; ++round) {
    if (!socket_) {
      // Tried every time: a job controller that has just started reads the tree after it listens, so a file
      // is either in what it reads or told to it. A pause here would open a gap between the two.
      auto connected = connect_unix(socket_path_);
      if (!connected) return;
      socket_ = std::move(*connected);
    }
    int error = send_now(socket_.get(), bytes);
    if (error == EAGAIN) {
      pollfd wait{socket_.get(), POLLOUT, 0};
      ::poll(&wait, 1, kFullSocketWaitMs);
      error = send_now(socket_.get(), bytes);
    }
    if (error == 0) return;
    socket_.reset();
    if (error == EAGAIN) {
      log::Event("queue.notice_lost")
          .with("why", "job_controller does not read; it finds the file at its next look at the tree")
          .warning();
      return;
    }
  }
}

}  // namespace waxwing::mta::queue
