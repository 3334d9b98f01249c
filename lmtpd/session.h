// One LMTP session (RFC 2033): SMTP's commands, LHLO for EHLO, and after the message one answer for each
// recipient that was accepted: whether it lies durably in that mailbox.
//
// session.cc has the commands up to RCPT, message.cc DATA and BDAT and the delivery.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/daemon/line_session.h"
#include "common/mail/smtp_data.h"
#include "common/worker/worker.h"
#include "lmtpd/server.h"
#include "mta/protocol/command.h"
#include "store/delivery.h"

namespace waxwing::lmtp {

using mta::Verdict;

// Loop thread only.
class Session final : public LineSession {
 public:
  Session(Server& server, EventLoop& loop, AcceptedConnection connection);

 private:
  struct Row {
    mta::protocol::Verb verb;
    Task<void> (Session::*handle)(std::string_view argument);
  };
  static const Row kTable[];

  // session.cc
  Task<bool> open() override;
  Task<void> command(std::string line) override;
  void read_failed(const Error& error) override;
  bool half_done() const override { return sender_.has_value(); }
  void say_stopping() override;
  void log_end() const override;
  void reply(const Verdict& verdict);
  void end(const Verdict& verdict);
  void bad_command(const Verdict& verdict);
  void reset();
  Task<void> lhlo(std::string_view argument);
  Task<void> hello_of_smtp(std::string_view argument);
  Task<void> starttls(std::string_view argument);
  Task<void> mail(std::string_view argument);
  Task<void> rcpt(std::string_view argument);
  Task<void> rset(std::string_view argument);
  Task<void> noop(std::string_view argument);
  Task<void> vrfy(std::string_view argument);
  Task<void> quit(std::string_view argument);

  // message.cc
  Task<void> data(std::string_view argument);
  Task<void> bdat(std::string_view argument);
  Task<bool> receive_data();
  Task<bool> receive_chunk(std::uint64_t size);
  Task<void> finish();
  Task<std::vector<store::DeliveryResult>> deliver();
  void log_delivery(const std::string& address, const store::DeliveryResult& result) const;
  std::string trace_fields() const;
  void begin_message();
  Task<void> take(std::string_view bytes);
  void disk_failed(const Error& error);

  Server& server_;
  const std::shared_ptr<const Settings> settings_;
  const std::string peer_address_, transport_info_;
  const bool tls_first_;
  std::string lhlo_;
  std::int64_t bad_commands_ = 0, delivered_ = 0;

  // The transaction.
  struct Recipient {
    std::string address;
    store::DeliveryTarget target;
  };
  std::optional<mta::protocol::MailCommand> sender_;
  std::string qid_;  // the message's name in the logs and in its Received:
  std::vector<Recipient> recipients_;
  std::optional<store::Draft> draft_;  // the message as far as it has come, trace fields first
  std::uint64_t size_ = 0;             // of what the client sent
  std::optional<mail::CrlfLines> lines_;
  std::optional<Verdict> refusal_;  // of the message as a whole
  bool chunking_ = false;           // a BDAT has come
};

}  // namespace waxwing::lmtp
