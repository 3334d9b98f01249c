// A whole POP3 session: the bytes of a client as popd takes them from a socket (frame/dialogue.h). Whatever is said, every
// answer has its form, and messages go with QUIT only.
#include "common/base/strings.h"
#include "popd/server.h"
#include "popd/session.h"
#include "store/mailbox.h"
#include "store/store.h"
#include "t/fuzz/frame/dialogue.h"

using namespace waxwing;

namespace {

constexpr std::uint32_t kMessages = 3;

struct World {
  fuzz::Dialogue& here = *new fuzz::Dialogue("pop", "pop.faildelay = 0\n");
  std::unique_ptr<pop::Server> server = fuzz::must(pop::Server::create(here.daemon()));
  std::shared_ptr<store::Mailbox> mailbox;

  World() {
    auto entry = fuzz::must(server->store().find_or_create(*store::MailboxName::make("joe", "INBOX")));
    mailbox = fuzz::must(server->store().open_mailbox(entry));
  }
  void fill() {
    while (messages() < kMessages)
      MUST(mailbox->append_bytes("Subject: x\r\n\r\n.dot\r\nline\r\n\r\n..\r\n", 0, {}, {}));
  }
  std::uint32_t messages() { return mailbox->status().messages; }
};

Task<void> serve(pop::Server& server, EventLoop& loop, UniqueFd socket) {
  pop::Session session(server, Stream(loop, std::move(socket)), false);
  co_await session.run();
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
  static auto& world = *new World;
  world.fill();
  const Shape shape(world.here.talk(
      input, [](EventLoop& loop, UniqueFd socket) { return serve(*world.server, loop, std::move(socket)); }));
  MUST(shape.greeted);
  if (!shape.updated) MUST(world.messages() == kMessages);
}
