#include "t/fuzz/frame/dialogue.h"

#include <sys/socket.h>
#include <unistd.h>

#include "common/daemon/detail/frame.h"
#include "common/log/log.h"
#include "store/stored/server.h"
#include "t/fuzz/frame/scratch.h"

namespace waxwing::fuzz {

namespace {

constexpr std::string_view kOptions =
    "journal.enabled = 0\nauth.plaintext = always\nstore.stored.timeout = 20\n"
    "local.hostname = host.example.com\nlocal.defaultdomain = example.com\n";

Task<void> serve_to_the_end(EventLoop& loop, Dialogue::Serve serve, UniqueFd socket) {
  auto work = serve(loop, std::move(socket));
  co_await std::move(work);
  loop.stop();
}

std::string all_that_comes(int socket) {
  std::string answers;
  char piece[16384];
  for (ssize_t got = 0; (got = ::read(socket, piece, sizeof piece)) > 0;)
    answers.append(piece, static_cast<std::size_t>(got));
  return answers;
}

}  // namespace

Dialogue::Dialogue(const std::string& name, std::string_view options) : root_(scratch(name)) {
  log::open({.level = log::Level::critical});
  for (const char* folder : {"/config", "/run", "/log"}) must(make_directories(root_ + folder));
  must(replace_file(root_ + "/config/msg.conf", std::string(kOptions).append(options)));
  const auto config = must(Config::load(root_));
  stored_ = must(store::Server::start(stored_loop_, stored_workers_, config));
  thread_ = std::thread([this] { stored_loop_.run(); });
  frame_ = &DaemonFrame::create(name, {.loops = 1}, config);
  frame_->inner.loops.push_back(std::make_unique<EventLoop>());
  frame_->inner.workers = std::make_unique<WorkerPool>(2);
}

Daemon& Dialogue::daemon() {
  return frame_->daemon;
}

std::string Dialogue::talk(std::string_view input, const Serve& serve) {
  int ends[2];
  MUST(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const UniqueFd client(ends[0]);
  std::string answers;
  std::thread hears([&] { answers = all_that_comes(client.get()); });
  std::thread says([&] {
    (void)::send(client.get(), input.data(), input.size(), MSG_NOSIGNAL);
    ::shutdown(client.get(), SHUT_WR);
  });
  auto& loop = *frame_->inner.loops.front();
  loop.post([&, end = ends[1]] { spawn(serve_to_the_end(loop, serve, UniqueFd(end))); });
  loop.run();
  says.join();
  hears.join();
  return answers;
}

}  // namespace waxwing::fuzz
