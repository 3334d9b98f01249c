#include "common/daemon/sessions.h"

#include "common/base/strings.h"
#include "common/log/log.h"

namespace waxwing {

namespace {
constexpr int kBacklog = 1024;
}  // namespace

Sessions::Sessions(Daemon& daemon, std::string service) : daemon_(daemon), service_(std::move(service)) {
  for (std::size_t i = 0; i < daemon.loops(); ++i) sessions_[&daemon.loop(i)];
}

Result<> Sessions::listen(const std::string& addresses, std::int64_t port, const Serve& serve) {
  if (port == 0) return {};
  std::vector<std::string> list;
  for (const auto piece : split(addresses, ','))
    if (const auto address = trim(piece); !address.empty() && address != "*") list.emplace_back(address);
  TRY(auto sockets, listen_on(list, static_cast<int>(port), kBacklog));
  for (auto& socket : sockets) {
    auto accept = [this, serve](UniqueFd connection) {
      auto& loop = daemon_.next_loop();
      const int fd = connection.release();  // what a loop is given to do must be something it can copy
      loop.post([&loop, serve, fd] { spawn(serve(loop, UniqueFd(fd))); });
    };
    listeners_.push_back(std::make_unique<Listener>(daemon_.loop(), std::move(socket), std::move(accept)));
  }
  return {};
}

Sessions::Place Sessions::place(std::size_t limit) {
  if (places_taken_.fetch_add(1) < limit) return Place(&places_taken_);
  places_taken_.fetch_sub(1);
  return {};
}

Task<void> Sessions::run(EventLoop& loop, ServerSession& session, Place place) {
  const auto guard = daemon_.session();
  auto& here = sessions_.at(&loop);
  here.insert(&session);
  if (stopping_) session.stop();
  try {
    co_await session.run();
  } catch (const std::exception& error) {
    log::Event(service_ + ".session.exception").with("sid", session.id()).with("what", error.what()).error();
  }
  here.erase(&session);
  place.reset();
  session.close();
}

void Sessions::stop() {
  stopping_ = true;
  for (const auto& listener : listeners_) listener->stop();
  for (auto& [loop, sessions] : sessions_) {
    loop->post([&sessions = sessions] {
      for (auto* session : sessions) session->stop();
    });
  }
}

}  // namespace waxwing
