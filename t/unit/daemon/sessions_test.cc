#include "common/daemon/sessions.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <stdexcept>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/net/stream.h"

using namespace waxwing;

namespace {

// Says hello and, when it is told to stop, goodbye; "throw" ends it by an exception.
class Greeter final : public ServerSession {
 public:
  Greeter(EventLoop& loop, UniqueFd socket) : stream_(loop, std::move(socket)) {}
  Task<void> run() override {
    stream_.write("hello\r\n");
    while (!stopped_) {
      auto line = co_await stream_.read_line(100);
      if (line && *line == "throw") throw std::runtime_error("as asked");
    }
    stream_.write("goodbye\r\n");
    auto flushed = co_await stream_.flush();
    static_cast<void>(flushed);
  }
  void stop() override {
    stopped_ = true;
    stream_.interrupt();
  }
  void close() override { stream_.close(); }
  const std::string& id() const override { return id_; }

 private:
  Stream stream_;
  bool stopped_ = false;
  const std::string id_ = "greeter";
};

Task<void> serve(Sessions& sessions, EventLoop& loop, UniqueFd socket) {
  auto place = sessions.place(1);
  if (!place) {
    Stream stream(loop, std::move(socket));
    stream.write("full\r\n");
    auto flushed = co_await stream.flush();
    static_cast<void>(flushed);
    co_return;
  }
  Greeter session(loop, std::move(socket));
  co_await sessions.run(loop, session, std::move(place));
}

// A connection that waits for each line.
struct Client {
  UniqueFd fd;
  explicit Client(int port) : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const auto address = loopback(port);
    REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  static sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  void say(std::string_view text) const {
    REQUIRE(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  std::string line() const {  // empty at the end
    std::string text;
    for (char byte = 0; byte != '\n' && ::recv(fd.get(), &byte, 1, 0) == 1;) text += byte;
    return std::string(trim(text));
  }
};

// A daemon in a process of its own with one place for a session.
class Greeting {
 public:
  Greeting() {
    for (const auto* folder : {"/config", "/log"}) std::filesystem::create_directories(root_ + folder);
    REQUIRE(replace_file(root_ + "/config/msg.conf", "daemon.loops = 2\njournal.enabled = 0\n"));
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    port_ = free_port();
    pid_ = ::fork();
    if (pid_ == 0) be_the_daemon(ready[1]);
    ::close(ready[1]);  // a daemon that could not start is the end of the pipe
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
  }
  ~Greeting() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    std::filesystem::remove_all(root_);
  }
  int port() const { return port_; }
  void signal(int number) const { ::kill(pid_, number); }
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return status;
  }

 private:
  static int free_port() {
    const auto socket = listen_tcp("127.0.0.1", 0, 1).value();
    return local_name(socket.get()).port;
  }
  [[noreturn]] void be_the_daemon(int ready) {
    std::string arguments[] = {"greeter", "--instance", root_};
    char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), nullptr};
    run_daemon(3, argv, "greeter", {}, [&](Daemon& daemon) -> Result<> {
      auto& sessions = *new Sessions(daemon, "greeter");
      TRY_VOID(sessions.listen(" 127.0.0.1 ,, ", port_, [&sessions](EventLoop& loop, UniqueFd socket) {
        return serve(sessions, loop, std::move(socket));
      }));
      daemon.on_stop([&sessions] { sessions.stop(); });
      if (::write(ready, "r", 1) != 1) return bug("nobody waits for the daemon");
      return {};
    });
    ::_exit(1);
  }

  const std::string root_ = "/tmp/waxwing sessions " + unique_id();
  int port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("a session's place is free before its client sees the end, also when it threw") {
  const Greeting daemon;
  const Client first(daemon.port());
  CHECK(first.line() == "hello");
  const Client second(daemon.port());
  CHECK(second.line() == "full");
  CHECK(second.line().empty());
  first.say("throw\r\n");
  CHECK(first.line().empty());
  const Client third(daemon.port());
  CHECK(third.line() == "hello");
}

TEST_CASE("a stop reaches every session, and the daemon ends when they have gone") {
  Greeting daemon;
  const Client client(daemon.port());
  CHECK(client.line() == "hello");
  daemon.signal(SIGTERM);
  CHECK(client.line() == "goodbye");
  CHECK(client.line().empty());
  CHECK(daemon.wait() == 0);
}
