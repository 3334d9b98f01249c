// MAIL, RCPT and the message on an open connection.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "channels/tcp_smtp_client/connection.h"
#include "channels/tcp_smtp_client/outgoing.h"

namespace waxwing::channels::smtp {

// One batch of recipients.
class Transaction {
 public:
  Transaction(Connection& connection, Work& work, Outgoing& message, std::vector<std::size_t> batch);
  // After it every recipient of the batch has a verdict, except those in again(): the peer wants fewer at a
  // time. false: the connection was lost before anything was answered.
  Task<bool> run();
  const std::vector<std::size_t>& again() const { return again_; }

 private:
  Task<Result<>> envelope();
  Task<Result<>> read_rcpts();
  Task<Result<>> message();
  Task<Result<>> send_chunk();
  Task<Result<>> send_data();
  void refuse_all(const mta::Verdict& reply);
  void settle(const mta::Verdict& final_reply);
  void settle(std::size_t recipient, const mta::Verdict& reply);
  void later(std::size_t recipient, const mta::Verdict& reply);
  void lost(const std::string& text);
  // streaming 1: MAIL and RCPT go together whatever the peer offers; 2 and more: DATA too; 0: never.
  bool pipelined() const {
    const int streaming = connection_.settings_->streaming;
    return streaming < 0 ? connection_.features_.pipelining : streaming > 0;
  }
  bool data_goes_along() const { return connection_.settings_->streaming != 1; }

  Connection& connection_;
  Work& work_;
  Outgoing& message_;
  std::vector<std::size_t> batch_, accepted_, again_;
  bool answered_ = false, mail_refused_ = false, data_asked_ = false, ended_ = false;
  bool needs_utf8_ = false;
};

}  // namespace waxwing::channels::smtp
