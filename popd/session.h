// One POP3 session (RFC 1939): a coroutine that reads a line, looks its command up in a table, and answers.
//
// The handlers stand in files by subject: login.cc (the AUTHORIZATION state), transaction.cc (the
// TRANSACTION state), retrieve.cc (RETR, TOP). Deletions and the \Seen flag reach the mailbox at QUIT only:
// the UPDATE state. Answers of pipelined commands leave in one packet.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/auth/authenticator.h"
#include "common/daemon/line_session.h"
#include "popd/maildrop_lock.h"
#include "popd/read_ahead.h"
#include "popd/server.h"
#include "store/mailbox.h"

namespace waxwing::pop {

// Loop thread only.
class Session final : public LineSession {
 public:
  Session(Server& server, Stream stream, bool tls_first);

 private:
  enum Phase : unsigned { authorization = 1, transaction = 2 };
  struct Row {
    std::string_view name;
    unsigned phases;
    Task<void> (Session::*handle)(std::string_view argument);
  };
  static const Row kTable[];

  // session.cc
  Task<bool> open() override;
  Task<void> command(std::string line) override;
  void read_failed(const Error& error) override;
  void say_stopping() override;
  void log_end() const override;
  void ok(std::string_view text);
  void err(std::string_view text);
  void end(std::string_view text);  // -ERR, then the session is over
  Task<void> capa(std::string_view argument);
  Task<void> noop(std::string_view argument);
  Task<void> quit(std::string_view argument);
  Task<void> update();

  // login.cc
  Task<void> user(std::string_view argument);
  Task<void> pass(std::string_view argument);
  Task<void> apop(std::string_view argument);
  Task<void> auth(std::string_view argument);
  Task<void> sasl(std::string mechanism, std::optional<std::string> initial);
  Task<void> stls(std::string_view argument);
  Task<void> login_done(auth::Step step);
  Task<void> login_failed(auth::Failure failure);
  Task<void> open_maildrop(auth::Identity identity);
  auth::Peer peer() const;

  // transaction.cc
  Task<void> stat(std::string_view argument);
  Task<void> list(std::string_view argument);
  Task<void> uidl(std::string_view argument);
  Task<void> dele(std::string_view argument);
  Task<void> rset(std::string_view argument);
  // One line for a message, or all lines of the maildrop.
  using Line = std::string (Session::*)(std::uint32_t number) const;
  Task<void> listing(std::string_view argument, Line line);
  std::string size_line(std::uint32_t number) const;
  std::string uid_line(std::uint32_t number) const;
  // The message's number, or nothing after the client was told what is wrong with it.
  std::optional<std::uint32_t> message_number(std::string_view text);
  bool is_deleted(std::uint32_t number) const { return !deleted_.empty() && deleted_[number]; }

  // retrieve.cc
  Task<void> retr(std::string_view argument);
  Task<void> top(std::string_view argument);
  // body_lines: nothing for the whole message.
  Task<bool> send_message(std::uint32_t number, std::optional<std::uint64_t> body_lines);
  void read_ahead(std::uint32_t after);  // blocks
  void unreadable(std::uint32_t uid, const Error& error, bool begun);

  Server& server_;
  const std::shared_ptr<const Settings> settings_;
  const bool tls_first_;
  const std::int64_t opened_ms_;
  std::string timestamp_;  // of the greeting, for APOP; empty when that is not offered
  std::string user_;       // of USER, not yet believed
  std::int64_t login_failures_ = 0, bad_commands_ = 0;

  // The maildrop: there once somebody has logged in. A view keeps its numbers for the whole session.
  std::string store_user_;
  std::optional<MaildropLocks::Held> lock_;
  std::shared_ptr<store::Mailbox> mailbox_;
  std::unique_ptr<store::View> view_;
  std::uint64_t bytes_ = 0;           // of all messages
  std::vector<bool> deleted_, seen_;  // by number; empty until the first
  std::uint32_t deleted_count_ = 0, retrieved_ = 0;
  std::uint64_t deleted_bytes_ = 0;
  ReadAhead ahead_;
};

}  // namespace waxwing::pop
