#include "channels/tcp_smtp_client/connection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <optional>
#include <thread>

#include "channels/tcp_smtp_client/failed_hosts.h"
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
  channels::Step step;
  auto connection = co_await Connection::open(loop, std::move(target), settings, {}, step);
  CHECK(step.peer() == "slow.test [127.0.0.1]");
  CHECK(step.word() == std::string("greeting"));
  if (!connection) error = connection.error();
  loop.stop();
}

}  // namespace

TEST_CASE("hosts that failed are tried last, for a while") {
  channels::smtp::FailedHosts hosts;
  std::vector<mta::Target> targets = {{"a", "192.0.2.1"}, {"b", "192.0.2.2"}, {"c", "192.0.2.3"}};
  const auto order = [&](std::int64_t now_ms) {
    auto sorted = targets;
    hosts.put_last(sorted, now_ms);
    return sorted[0].name + sorted[1].name + sorted[2].name;
  };
  CHECK(order(0) == "abc");
  hosts.failed("192.0.2.1", 1000);
  CHECK(order(1000) == "bca");
  hosts.failed("192.0.2.2", 1000);
  CHECK(order(1000) == "cab");
  hosts.answered("192.0.2.1");
  CHECK(order(1000) == "acb");
  CHECK(order(1000 + 10 * 60 * 1000) == "abc");
  for (int i = 0; i < 30000; ++i) hosts.failed(std::to_string(i), 1000);
  CHECK(order(1000).size() == 3);
}

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
