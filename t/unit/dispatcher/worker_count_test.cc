// Workers are asked for their counts together.
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>

#include "common/base/file.h"
#include "common/base/random.h"
#include "dispatcher/worker_process.h"

using namespace waxwing;
using namespace waxwing::dispatcher;

namespace {

constexpr int kDeadlineMs = 30'000;

using Workers = std::vector<std::shared_ptr<WorkerProcess>>;

Task<void> count_and_tell(Workers workers, int pipe) {
  co_await WorkerProcess::count_again(std::move(workers));
  (void)!::write(pipe, "c", 1);
}

// A dispatcher's main loop with as many workers, in a process of its own: the workers' ends are ours. It asks them
// once all have said that they are ready.
class Asking {
 public:
  explicit Asking(std::size_t count) {
    for (const auto* folder : {"/config", "/log"}) std::filesystem::create_directories(root_ + folder);
    REQUIRE(replace_file(root_ + "/config/msg.conf", "daemon.loops = 1\njournal.enabled = 0\n"));
    std::vector<UniqueFd> theirs;
    for (std::size_t i = 0; i < count; ++i) {
      int pair[2];
      REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
      workers.emplace_back(pair[0]);
      theirs.emplace_back(pair[1]);
    }
    int told[2];
    REQUIRE(::pipe(told) == 0);
    counted_.reset(told[0]);
    pid_ = ::fork();
    if (pid_ == 0) {
      workers.clear();
      be_the_dispatcher(std::move(theirs), told[1]);
    }
    ::close(told[1]);
  }
  ~Asking() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    std::filesystem::remove_all(root_);
  }

  // Waits until count_again() has come back.
  bool has_counted() const {
    pollfd told{counted_.get(), POLLIN, 0};
    char byte = 0;
    return ::poll(&told, 1, kDeadlineMs) == 1 && ::read(counted_.get(), &byte, 1) == 1;
  }
  std::vector<UniqueFd> workers;

 private:
  [[noreturn]] void be_the_dispatcher(std::vector<UniqueFd> sockets, int told) {
    std::string arguments[] = {"asking", "--instance", root_};
    char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), nullptr};
    run_daemon(3, argv, "asking", {}, [&](Daemon& daemon) -> Result<> {
      auto& all = *new Workers;
      auto& ready = *new std::size_t(0);
      // A word may be there before its worker stands in the list: what follows waits for the loop.
      const auto count = [&daemon, &all, told] {
        daemon.loop().post([&all, told] { spawn(count_and_tell(all, told)); });
      };
      const auto number = sockets.size();
      for (auto& socket : sockets)
        all.push_back(WorkerProcess::adopt(daemon, "TEST", ::getpid(), std::move(socket),
                                           {.ready =
                                                [&ready, number, count](const WorkerProcess&) {
                                                  if (++ready == number) count();
                                                },
                                            .gone = [](WorkerProcess*) {}}));
      return {};
    });
    ::_exit(1);
  }

  UniqueFd counted_;  // a byte when it has
  const std::string root_ = "/tmp/waxwing asking " + unique_id();
  pid_t pid_ = -1;
};

std::string next_verb(const UniqueFd& socket) {
  const auto packet = receive_packet(socket.get(), kDeadlineMs);
  return packet && *packet ? (*packet)->record.verb() : "nothing";
}

}  // namespace

TEST_CASE("all workers are asked for their counts before one has answered, and answer in any order") {
  const Asking asking(3);
  for (const auto& worker : asking.workers) REQUIRE(send_packet(worker.get(), Record("ready")));
  for (const auto& worker : asking.workers) CHECK(next_verb(worker) == "report");
  for (auto worker = asking.workers.rbegin(); worker != asking.workers.rend(); ++worker)
    REQUIRE(send_packet(worker->get(), Record("reported")));
  CHECK(asking.has_counted());
}

TEST_CASE("a worker that says nothing, and one that goes, keep nobody from counting") {
  Asking asking(3);
  for (const auto& worker : asking.workers) REQUIRE(send_packet(worker.get(), Record("ready")));
  REQUIRE(next_verb(asking.workers[2]) == "report");
  REQUIRE(send_packet(asking.workers[2].get(), Record("reported")));
  asking.workers[1].reset();
  CHECK(asking.has_counted());
}
