// By which way a connection goes to a worker, and what becomes of it when a way is closed.
#include "dispatcher/doors.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

using namespace waxwing;
using namespace waxwing::dispatcher;

namespace {

struct Way {
  UniqueFd worker;
  std::unique_ptr<PacketSocket> ours;
  explicit Way(EventLoop& loop) {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
    worker.reset(fds[0]);
    ours = std::make_unique<PacketSocket>(loop, UniqueFd(fds[1]));
  }
  // Connections that lie there, each with its descriptor.
  int arrived() const {
    int count = 0;
    for (;;) {
      const auto packet = receive_packet(worker.get(), 0);
      if (!packet || !*packet) return count;
      CHECK((*packet)->record.is("connection"));
      CHECK((*packet)->fd);
      ++count;
    }
  }
};

}  // namespace

TEST_CASE("connections go through the doors in turn, and past those that are closed") {
  EventLoop loop;
  Way own(loop), first(loop), second(loop), third(loop);
  Doors doors(*own.ours);
  const UniqueFd connection(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const auto send = [&] { return doors.send(Record("connection"), connection); };
  REQUIRE(send());
  CHECK(own.arrived() == 1);
  for (auto* way : {&first, &second, &third}) doors.add(std::move(way->ours));
  for (int i = 0; i < 6; ++i) REQUIRE(send());
  CHECK(first.arrived() == 2);
  CHECK(second.arrived() == 2);
  CHECK(third.arrived() == 2);

  second.worker.reset();
  for (int i = 0; i < 6; ++i) REQUIRE(send());
  CHECK(doors.size() == 2);
  CHECK(first.arrived() + third.arrived() == 6);

  first.worker.reset();
  third.worker.reset();
  REQUIRE(send());
  CHECK(own.arrived() == 1);
  own.worker.reset();
  const auto failed = send();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().fault == Fault::temporary);
  CHECK(::fcntl(connection.get(), F_GETFD) >= 0);
}
