// The text of a batch of SMTP commands (RFC 2442), and the message that carries it, a piece at a time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/mail/smtp_data.h"
#include "mta/queue/reader.h"

namespace waxwing::channels {

// "MAIL FROM:<a@b> ..." and what goes with it, up to DATA. recipients: indexes.
std::string transaction_commands(const mta::queue::Envelope& envelope,
                                 const std::vector<std::size_t>& recipients);

// Message bytes of one transaction; "" at the end.
using MessageBytes = std::function<Result<std::string>()>;

struct BatchItem {
  std::string commands;
  MessageBytes bytes;
};

// The body in base64, since nothing else carries lines of every kind.
class BatchWriter {
 public:
  // header: of the message, without its MIME fields and the empty line. host: in the batch's EHLO.
  BatchWriter(std::string header, const std::string& host, std::vector<BatchItem> items);
  // The next bytes of the message; "" at the end. Errors of MessageBytes go through.
  Result<std::string> next();

 private:
  Result<> fill();  // pending_ gets more, or the end is reached
  std::string head_;
  std::vector<BatchItem> items_;
  std::size_t at_ = 0;
  bool in_message_ = false, ended_ = false;
  mail::DotStuffer stuffer_;
  std::string pending_;  // text that is not in base64 yet
};

}  // namespace waxwing::channels
