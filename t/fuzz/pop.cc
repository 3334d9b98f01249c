// A whole POP3 session: the bytes of a client as popd takes them from a socket, with a store of its own and a directory in
// which joe's password is "secret" (frame/one_user_directory.cc). Whatever is said, every answer has its form, and
// messages go with QUIT only.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <thread>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/daemon/detail/frame.h"
#include "common/log/log.h"
#include "common/net/stream.h"
#include "popd/server.h"
#include "popd/session.h"
#include "store/mailbox.h"
#include "store/store.h"
#include "store/stored/server.h"
#include "t/fuzz/frame/scratch.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;

namespace {

constexpr std::uint32_t kMessages = 3;
constexpr std::string_view kOptions =
    "journal.enabled = 0\npop.faildelay = 0\nauth.plaintext = always\nstore.stored.timeout = 20\n";

template <class T>
T must(Result<T> result) {
  if (!result) fuzz::broken(result.error().text.c_str(), __FILE__, __LINE__);
  return std::move(*result);
}

// stored on a thread, popd's server on the loop of whoever feeds it.
class World {
 public:
  World() {
    log::open({.level = log::Level::critical});
    const auto root = fuzz::scratch("pop");
    MUST(make_directories(root + "/config") && make_directories(root + "/run"));
    MUST(replace_file(root + "/config/msg.conf", kOptions));
    const auto config = must(Config::load(root));
    stored_ = must(store::Server::start(stored_loop_, stored_workers_, config));
    thread_ = std::thread([this] { stored_loop_.run(); });
    auto& frame = DaemonFrame::create("popd", {.loops = 1}, config);
    frame.inner.loops.push_back(std::make_unique<EventLoop>());
    frame.inner.workers = std::make_unique<WorkerPool>(2);
    server_ = must(pop::Server::create(frame.daemon));
    loop_ = frame.inner.loops.front().get();
    auto entry = must(server_->store().find_or_create(*store::MailboxName::make("joe", "INBOX")));
    mailbox_ = must(server_->store().open_mailbox(entry));
  }
  // The threads of stored and the workers end with the process, without destructors.
  ~World() = delete;

  void fill() {
    while (messages() < kMessages)
      MUST(mailbox_->append_bytes("Subject: x\r\n\r\n.dot\r\nline\r\n\r\n..\r\n", 0, {}, {}));
  }
  std::uint32_t messages() { return mailbox_->status().messages; }

  std::string talk(std::string_view input) {
    int ends[2];
    MUST(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    UniqueFd client(ends[0]);
    std::string answers;
    std::thread hears([&] {
      char piece[16384];
      for (ssize_t got = 0; (got = ::read(client.get(), piece, sizeof piece)) > 0;)
        answers.append(piece, static_cast<std::size_t>(got));
    });
    std::thread says([&] {
      (void)::send(client.get(), input.data(), input.size(), MSG_NOSIGNAL);
      ::shutdown(client.get(), SHUT_WR);
    });
    loop_->post([this, end = ends[1]] { spawn(serve(*server_, *loop_, end)); });
    loop_->run();
    says.join();
    hears.join();
    return answers;
  }

 private:
  static Task<void> serve(pop::Server& server, EventLoop& loop, int socket) {
    {
      pop::Session session(server, Stream(loop, UniqueFd(socket)), false);
      co_await session.run();
    }
    loop.stop();
  }

  EventLoop stored_loop_;
  WorkerPool stored_workers_{2};
  std::unique_ptr<store::Server> stored_;
  std::thread thread_;
  EventLoop* loop_ = nullptr;
  std::unique_ptr<pop::Server> server_;
  std::shared_ptr<store::Mailbox> mailbox_;
};

World& world() {
  static auto* const only = new World;
  return *only;
}

// The shape of it all: lines, status first; what follows +OK may be of several lines, dot-stuffed, up to one dot.
struct Shape {
  bool greeted = false, updated = false;
  explicit Shape(std::string_view answers) {
    MUST(answers.empty() || answers.ends_with("\r\n"));
    for (auto rest = answers; !rest.empty();) {
      const auto end = rest.find("\r\n");
      MUST(end != std::string_view::npos);
      const auto line = rest.substr(0, end);
      rest.remove_prefix(end + 2);
      MUST(line.find('\0') == std::string_view::npos);
      greeted = greeted || line.starts_with("+OK ");
      updated = line.starts_with("+OK good bye, ");
    }
  }
};

}  // namespace

FUZZ_TARGET(pop) {
  auto& here = world();
  here.fill();
  const Shape shape(here.talk(input));
  MUST(shape.greeted);
  if (!shape.updated) MUST(here.messages() == kMessages);
}
