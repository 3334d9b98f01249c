#include "channels/tcp_smtp_client/connection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <optional>
#include <thread>

#include "common/net/listener.h"

using namespace waxwing;
using namespace waxwing::channels::smtp;

namespace {

// A peer that goes on with its greeting until nobody listens any more.
void greet_without_end(int listener) {
  const UniqueFd peer(::accept(listener, nullptr, nullptr));
  const std::string_view line = "220-wait\r\n";
  pollfd hang_up{peer.get(), POLLIN, 0};
  while (::send(peer.get(), line.data(), line.size(), MSG_NOSIGNAL) > 0 && ::poll(&hang_up, 1, 10) == 0) {
  }
}

Task<void> try_to_connect(EventLoop& loop, int port, std::optional<Error>& error) {
  auto settings = std::make_shared<ClientSettings>();
  settings->options.status_mail_receive_ms = 200;
  mta::Target target{"slow.test", "127.0.0.1", port};
  auto connection = co_await Connection::open(loop, std::move(target), settings, nullptr);
  if (!connection) error = connection.error();
  loop.stop();
}

}  // namespace

TEST_CASE("a reply that does not end is not listened to for ever") {
  auto listener = listen_tcp("127.0.0.1", 0, 1);
  REQUIRE(listener);
  ::fcntl(listener->get(), F_SETFL, 0);
  const auto port = local_name(listener->get()).port;
  std::thread peer(greet_without_end, listener->get());
  EventLoop loop;
  std::optional<Error> error;
  loop.post([&] { spawn(try_to_connect(loop, port, error)); });
  loop.run();
  peer.join();
  REQUIRE(error);
  CHECK(error->fault == Fault::temporary);
  CHECK(error->text.starts_with("4.4.2 "));
}
