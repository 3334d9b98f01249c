// Where whole sessions of a server are run: an instance of its own in a scratch directory, stored on a thread, and the
// server's session on the loop of whoever feeds it. In its directory there is one user, joe (one_user_directory.cc).
//
//   fuzz::Dialogue here("imap", "auth.plaintext = always\n");
//   auto server = fuzz::must(imap::Server::create(here.daemon()));
//   const auto answers = here.talk(input, [&](EventLoop& loop, UniqueFd socket) { return serve(…); });
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "common/base/file.h"
#include "common/base/result.h"
#include "common/daemon/daemon.h"
#include "common/net/loop.h"
#include "common/net/task.h"
#include "common/net/workers.h"
#include "t/fuzz/fuzz.h"

namespace waxwing {
struct DaemonFrame;
}
namespace waxwing::store {
class Server;
}

namespace waxwing::fuzz {

template <class T>
T must(Result<T> result) {
  if (!result) broken(result.error().text.c_str(), __FILE__, __LINE__);
  return std::move(*result);
}
inline void must(const Result<>& result) {
  if (!result) broken(result.error().text.c_str(), __FILE__, __LINE__);
}

class Dialogue {
 public:
  // options: of msg.conf, besides those that every instance here has.
  Dialogue(const std::string& name, std::string_view options);
  // The threads of stored and of the workers end with the process, without destructors.
  ~Dialogue() = delete;

  Daemon& daemon();
  const std::string& root() const { return root_; }

  // All that a client hears who says this at one go and then ends its side of the connection. serve: the session, on
  // the loop, to its end.
  using Serve = std::function<Task<void>(EventLoop&, UniqueFd)>;
  std::string talk(std::string_view input, const Serve& serve);

 private:
  const std::string root_;
  EventLoop stored_loop_;
  WorkerPool stored_workers_{2};
  std::unique_ptr<store::Server> stored_;
  std::thread thread_;
  DaemonFrame* frame_ = nullptr;
};

}  // namespace waxwing::fuzz
