// What is asked of the name server, and what libunbound must not answer by itself.
#include "common/net/dns.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <atomic>
#include <string_view>
#include <thread>

#include "common/base/file.h"

using namespace waxwing;

namespace {

// Every name has the address 127.0.1.7; nothing else is known of it.
class NameServer {
 public:
  NameServer() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    name_ = "127.0.0.1@" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  ~NameServer() {
    ending_ = true;
    thread_.join();
  }
  const std::string& name() const { return name_; }

 private:
  void serve() {
    char bytes[512];
    while (!ending_) {
      pollfd wait{socket_.get(), POLLIN, 0};
      if (::poll(&wait, 1, 20) <= 0) continue;
      sockaddr_in peer{};
      socklen_t size = sizeof peer;
      const auto got =
          ::recvfrom(socket_.get(), bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&peer), &size);
      if (got < 17) continue;
      const auto reply = answer({bytes, static_cast<std::size_t>(got)});
      ::sendto(socket_.get(), reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&peer), size);
    }
  }
  static std::string answer(std::string_view question) {
    const auto end = question.find('\0', 12) + 5;  // behind the root label: type and class
    const bool wants_address = question[end - 3] == 1;
    std::string reply(question.substr(0, 2));
    reply += std::string_view("\x85\x80\0\1\0", 5);
    reply += wants_address ? '\1' : '\0';
    reply += std::string_view("\0\0\0\0", 4);
    reply += question.substr(12, end - 12);
    if (wants_address) reply += std::string_view("\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\1\7", 16);
    return reply;
  }

  UniqueFd socket_;
  std::string name_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

Task<void> ask(EventLoop& loop, Resolver& resolver, std::string name, Resolver::Addresses& found) {
  found = co_await resolver.addresses(std::move(name));
  loop.stop();
}

std::vector<std::string> addresses(const Resolver::Options& options, const std::string& name) {
  EventLoop loop;
  Resolver::Addresses found;
  Resolver resolver(loop, options);
  loop.post([&] { spawn(ask(loop, resolver, name, found)); });
  loop.run();
  return found.list;
}

}  // namespace

TEST_CASE("names that sites use inside are asked of their name server") {
  const NameServer server;
  for (const char* name :
       {"mx.example", "mx.test", "mx.invalid", "mx.home.arpa", "mx.localhost", "test", "home.arpa"}) {
    INFO(name);
    CHECK(addresses({.server = server.name(), .hosts_file = {}}, name) ==
          std::vector<std::string>{"127.0.1.7"});
  }
}

TEST_CASE("localhost is this host, and a file of hosts is believed before the name server") {
  const NameServer server;
  CHECK(addresses({.server = server.name(), .hosts_file = {}}, "localhost") ==
        std::vector<std::string>{"127.0.0.1", "::1"});
  char path[] = "/tmp/waxwing-hosts-XXXXXX";
  const UniqueFd file(::mkstemp(path));
  REQUIRE(write_all(file.get(), "127.0.1.9 known.test\n"));
  CHECK(addresses({.server = server.name(), .hosts_file = path}, "known.test") ==
        std::vector<std::string>{"127.0.1.9"});
  CHECK(addresses({.server = server.name(), .hosts_file = path}, "other.test") ==
        std::vector<std::string>{"127.0.1.7"});
  ::unlink(path);
}
