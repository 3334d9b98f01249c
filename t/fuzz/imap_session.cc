// A whole IMAP session: the bytes of a client as imapd takes them from a socket (frame/dialogue.h). Bits of the first
// byte put commands in front of the rest, so that an input need not spell them: 0 logs joe in, 1 speaks IMAP4rev2 with
// CONDSTORE, 2 selects INBOX. Whatever is said: every answer has its form, the numbers of messages are right, and who has
// not logged in changes nothing.
#include <algorithm>
#include <array>
#include <memory>

#include "common/base/strings.h"
#include "imapd/server.h"
#include "imapd/session.h"
#include "store/mailbox.h"
#include "store/store.h"
#include "t/fuzz/frame/dialogue.h"

using namespace waxwing;

namespace {

constexpr std::string_view kMessages[] = {
    "From: Ann <ann@example.test>\r\nTo: joe@example.com\r\nSubject: one\r\nMessage-ID: <1@example.test>\r\n"
    "Date: Sun, 22 Nov 2026 15:00:00 +0000\r\n\r\nplain text\r\n",
    "From: Bob <bob@example.test>\r\nSubject: Re: one\r\nIn-Reply-To: <1@example.test>\r\nMIME-Version: "
    "1.0\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9\r\n--b\r\nContent-Type: "
    "message/rfc822\r\n\r\n"
    "Subject: inner\r\n\r\ninner text\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n",
    "Subject: three\r\n\r\nlast\r\n"};

struct World {
  fuzz::Dialogue& here = *new fuzz::Dialogue("imap", "imap.maxcommand = 4096\nimap.writers = 2\n");
  std::unique_ptr<imap::Server> server = fuzz::must(imap::Server::create(here.daemon()));
  std::shared_ptr<store::Mailbox> inbox;
  std::uint64_t modseq = 0;

  World() { make_anew(); }
  store::Store& store() { return server->store(); }
  static store::MailboxName name() { return *store::MailboxName::make("joe", "INBOX"); }

  void make_anew() {
    inbox.reset();
    for (const auto& entry : fuzz::must(store().list("joe"))) fuzz::must(store().remove(entry.name));
    for (const auto& name : fuzz::must(store().subscriptions("joe")))
      fuzz::must(store().unsubscribe("joe", name));
    inbox = fuzz::must(store().open_mailbox(fuzz::must(store().find_or_create(name()))));
    for (const auto message : kMessages) (void)fuzz::must(inbox->append_bytes(message));
    modseq = inbox->status().highestmodseq;
  }
  bool inbox_changed() { return inbox->deleted() || inbox->status().highestmodseq != modseq; }
  bool changed() {
    return inbox_changed() || fuzz::must(store().list("joe")).size() != 1 ||
           !fuzz::must(store().subscriptions("joe")).empty();
  }
};

Task<void> serve(imap::Server& server, EventLoop& loop, UniqueFd socket, bool& logged_in) {
  imap::Session session(server, Stream(loop, std::move(socket)), false);
  co_await session.run();
  logged_in = session.phase() != imap::Phase::connected;
}

std::string begin(std::uint8_t choice) {
  std::string text;
  if (choice & 1) text += "x1 LOGIN joe secret\r\n";
  if (choice & 2) text += "x2 ENABLE IMAP4rev2 CONDSTORE\r\n";
  if (choice & 4) text += "x3 SELECT INBOX\r\n";
  return text;
}

// A client that believes what it is told, and looks whether it can be so.
class Client {
 public:
  explicit Client(std::string_view answers) {
    for (auto rest = answers; !rest.empty();) response(rest);
    MUST(answers.empty() || greeted_);
  }

 private:
  // Takes one with its literals; text is what stands outside of them.
  void response(std::string_view& rest) {
    std::string text;
    for (;;) {
      const auto end = rest.find("\r\n");
      MUST(end != std::string_view::npos);
      const auto line = rest.substr(0, end);
      rest.remove_prefix(end + 2);
      text += line;
      const auto brace = line.rfind('{');
      if (!line.ends_with('}') || brace == line.npos) break;
      const auto size = to_number<std::size_t>(line.substr(brace + 1, line.size() - brace - 2));
      // A text for people may end like that, too.
      if (!size || !text.starts_with("* ") || text.starts_with("* OK ") || text.starts_with("* BYE ")) break;
      MUST(*size <= rest.size());
      rest.remove_prefix(*size);
    }
    understand(text);
  }

  void understand(std::string_view text) {
    MUST(text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos);
    if (text.starts_with("+")) return;
    const auto tag = take_until(text, ' ');
    if (tag == "*" && !text.starts_with("BAD ")) return untagged(text);
    MUST(!fewer_);
    MUST(!tag.empty() && (text.starts_with("OK ") || text.starts_with("NO ") || text.starts_with("BAD ")));
  }

  void untagged(std::string_view text) {
    if (text.starts_with("OK [CAPABILITY")) greeted_ = true;
    // Only another mailbox may have fewer, and its SELECT names its UIDVALIDITY.
    if (text.starts_with("OK [UIDVALIDITY ")) fewer_ = false;
    const auto number = to_number<std::uint32_t>(take_until(text, ' '));
    if (!number) return;
    if (text == "EXISTS") {
      fewer_ = *number < count_;
      count_ = *number;
    } else if (text == "EXPUNGE") {
      MUST(*number >= 1 && *number <= count_);
      --count_;
    } else if (text.starts_with("FETCH (")) {
      MUST(*number >= 1 && *number <= count_);
      MUST(text.ends_with(')'));
    }
  }

  bool greeted_ = false, fewer_ = false;
  std::uint32_t count_ = 0;
};

}  // namespace

FUZZ_TARGET(imap_session) {
  static auto& world = *new World;
  static bool may_have_changed = false;
  if (may_have_changed ? world.changed() : world.inbox_changed()) world.make_anew();
  // Nothing else changes the list, and asking for it takes as long as the session.
  may_have_changed =
      std::ranges::any_of(std::array{"CREATE", "DELETE", "RENAME", "SUBSCRIBE", "APPEND"},
                          [&](std::string_view word) { return ifind(input, word) != input.npos; });
  fuzz::Input in(input);
  const auto choice = in.byte();
  bool logged_in = false;
  const auto answers =
      world.here.talk(begin(choice) + std::string(in.rest()), [&](EventLoop& loop, UniqueFd socket) {
        return serve(*world.server, loop, std::move(socket), logged_in);
      });
  const Client client(answers);
  if (!logged_in) MUST(!world.changed());
}
