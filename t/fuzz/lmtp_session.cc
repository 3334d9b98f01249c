// A whole LMTP session: the bytes of a client as lmtpd takes them from a socket (frame/dialogue.h), up to the store.
// Bit 0 of the first byte: a transaction for joe has begun. Whatever is said: every answer has its form, and as many
// messages are in the mailboxes as were answered to be there.
#include <set>

#include "common/base/strings.h"
#include "lmtpd/server.h"
#include "lmtpd/session.h"
#include "store/mailbox.h"
#include "t/fuzz/frame/dialogue.h"
#include "t/fuzz/frame/smtp_answers.h"

using namespace waxwing;

namespace {

constexpr std::uint32_t kMostKept = 50;

struct World {
  fuzz::Dialogue& here =
      *new fuzz::Dialogue("lmtp", "lmtp.maxmessagesize = 20000\nlmtp.maxrecipients = 20\n");
  std::unique_ptr<lmtp::Server> server = fuzz::must(lmtp::Server::create(here.daemon()));
  std::shared_ptr<store::Mailbox> inbox;

  World() { open(); }
  void open() {
    const auto name = *store::MailboxName::make("joe", "INBOX");
    inbox = fuzz::must(server->store().open_mailbox(fuzz::must(server->store().find_or_create(name))));
  }
  std::uint32_t messages() { return inbox->status().messages; }
  void make_room() {
    if (messages() < kMostKept) return;
    inbox.reset();
    fuzz::must(server->store().remove(*store::MailboxName::make("joe", "INBOX")));
    open();
  }
  void look_at_last() {
    const auto view = fuzz::must(inbox->view(false));
    const auto last = view->message(view->exists());
    const auto bytes = fuzz::must(inbox->open_message(last));
    const auto text = fuzz::must(bytes.read(0, 100000));
    MUST(text.starts_with("Return-Path: <") && text.size() == last.size);
    MUST(text.find("\r\nReceived: from ") != text.npos);
  }
};

Task<void> serve(lmtp::Server& server, EventLoop& loop, AcceptedConnection client) {
  lmtp::Session session(server, loop, std::move(client));
  co_await session.run();
}

AcceptedConnection connection(UniqueFd socket) {
  AcceptedConnection made;
  made.fd = std::move(socket);
  made.peer_address = made.local_address = "192.0.2.1";
  return made;
}

// Ids of messages that were answered to be delivered; recipients of one message are one mailbox here.
std::set<std::string> delivered(std::string_view answers) {
  std::set<std::string> ids;
  while (!answers.empty()) {
    const auto line = take_until(answers, '\n');
    constexpr std::string_view kId = "> Delivered, id ";
    const auto at = line.rfind(kId);
    if (line.starts_with("250 2.1.5 <") && at != line.npos) ids.emplace(line.substr(at + kId.size()));
  }
  return ids;
}

}  // namespace

FUZZ_TARGET(lmtp_session) {
  static auto& world = *new World;
  world.make_room();
  fuzz::Input in(input);
  const auto choice = in.byte();
  const std::string begin =
      choice & 1 ? "LHLO client.example.test\r\nMAIL FROM:<ann@example.test>\r\nRCPT TO:<joe@example.com>\r\n"
                 : "";
  const auto before = world.messages();
  const auto answers = world.here.talk(begin + std::string(in.rest()), [](EventLoop& loop, UniqueFd socket) {
    return serve(*world.server, loop, connection(std::move(socket)));
  });
  const auto codes = fuzz::codes_of(answers);
  MUST(!codes.empty() && codes.front() == 220);
  MUST(world.messages() == before + delivered(answers).size());
  if (world.messages() > before) world.look_at_last();
}
