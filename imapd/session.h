// One IMAP connection, from greeting to BYE: RFC 9051 §3.
//
// The session is a coroutine on one loop; everything here is touched on that loop only, apart from the
// work handed to workers while the coroutine waits for it. An idle session keeps this object, its stream's
// socket and a coroutine frame; command text and buffers are given back between commands.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/auth/authenticator.h"
#include "common/daemon/sessions.h"
#include "common/net/stream.h"
#include "common/net/workers.h"
#include "imapd/account.h"
#include "imapd/answer.h"
#include "imapd/parse/framer.h"
#include "imapd/selected.h"

namespace waxwing::imap {

class Server;
struct CommandSpec;

// States of RFC 9051 §3, as bits for the command table.
enum class Phase : unsigned char { connected = 1, authenticated = 2, selected = 4 };

// A command as its handler gets it. Views live until the handler returns.
struct Command {
  std::string_view tag;
  std::string_view name;  // as in the table: "UID FETCH"
  Scanner arguments;      // after the name; the blank before the first argument is still there
  bool by_uid = false;
};

class Session final : public ServerSession {
 public:
  Session(Server& server, Stream stream, bool tls_first);
  ~Session() override;
  Session(const Session&) = delete;

  Task<void> run() override;
  void stop() override;
  void close() override { stream_.close(); }

  // ---- for the command handlers ----
  Server& server() { return server_; }
  Stream& stream() { return stream_; }
  CommandFramer& framer() { return framer_; }
  const std::string& id() const override { return id_; }
  Phase phase() const;

  // Logged-in user; only in phases authenticated and selected.
  const Account& account() const { return *account_; }
  void log_in(Account account);
  // Counts a failed login; too many end the session.
  void login_failed();
  auth::Peer peer() const;
  bool is_tls() const { return stream_.is_tls(); }
  // STARTTLS: the handshake follows the tagged answer.
  void begin_tls() { tls_wanted_ = true; }

  Selected* selected() { return selected_.get(); }
  void select(std::unique_ptr<Selected> selected) { selected_ = std::move(selected); }
  // Forgets the selected mailbox; announced tells rev2 clients with [CLOSED].
  void deselect(bool announced);

  bool rev2() const { return rev2_; }  // ENABLE IMAP4rev2: UTF-8 names, no \Recent, ESEARCH
  void enable_rev2() { rev2_ = true; }
  bool condstore() const { return condstore_; }
  // The client has shown that it understands MODSEQ (RFC 7162 §3.1); tells HIGHESTMODSEQ where due.
  void enable_condstore();

  // "* " text CRLF.
  void untagged(std::string_view text);
  void write(std::string_view bytes) { stream_.write(bytes); }
  // Back-pressure and fairness: to be awaited between pieces of a long answer. False: the client is gone.
  Task<bool> breathe();
  // False when the stream has ended while writing.
  Task<bool> flush();

  // Untagged answers for what happened in the selected mailbox since the last time.
  Task<void> report_changes(bool allow_expunge, bool with_uid);

  // Reads on until the command whose message an APPEND has taken is complete. False: the client is gone.
  Task<bool> finish_command();
  // The usual time-outs again, after IDLE had its own.
  void use_limits();

  // After this command the connection ends; the handler has said BYE.
  void finish() { finished_ = true; }
  bool finished() const { return finished_; }
  // The answer cannot be finished in step with the protocol: closes without another word.
  void abandon() {
    finished_ = true;
    stream_.close();
  }
  bool stopping() const { return stopping_; }
  std::string name_on_wire(std::string_view folder) const;  // encoded and quoted
  Result<store::MailboxName> mailbox_named(std::string_view wire) const;

  template <class F>
  auto on_worker(F work) {
    return workers().run(std::move(work));
  }
  // The same for what waits for the disk to have it: appends, flags, expunges, folders.
  template <class F>
  auto on_writer(F work) {
    return writers().run(std::move(work));
  }
  WorkerPool& workers();
  WorkerPool& writers();
  // Makes a waiting read answer: used by IDLE when the mailbox has changed.
  void wake() { stream_.interrupt(); }

 private:
  enum class Input { command, ended };

  Task<bool> start();  // TLS from the first byte, greeting
  Task<Input> next_command();
  Input input_error(const Error& error);
  Task<void> serve();
  Task<void> execute();
  bool is_shut_out();
  Task<void> perform(const CommandSpec& spec, Command command);
  Task<void> upgrade_to_tls();
  bool find_command(Command& command, const CommandSpec*& spec, Answer& problem);
  void tagged(std::string_view tag, const Answer& answer);
  void count_bad(const Answer& answer);
  void log_end();

  Server& server_;
  Stream stream_;
  CommandFramer framer_;
  std::string id_;
  std::int64_t login_until_ms_;     // who has not logged in by then has no business here
  std::int64_t look_again_ms_ = 0;  // whether the user may still be here
  std::unique_ptr<Account> account_;
  std::unique_ptr<Selected> selected_;
  std::uint32_t commands_ = 0;
  std::uint16_t bad_in_a_row_ = 0;
  std::uint16_t failed_logins_ = 0;
  bool tls_first_ = false;
  bool tls_wanted_ = false;
  bool rev2_ = false;
  bool condstore_ = false;
  bool finished_ = false;
  bool stopping_ = false;
};

}  // namespace waxwing::imap
