// A batch of SMTP commands as one text: RFC 2442, application/batch-SMTP. Pure.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "mta/protocol/command.h"

namespace waxwing::channels {

struct BatchLimits {
  std::size_t transactions = 500;
  std::size_t recipients = 100'000;  // of all of them
};

struct BatchTransaction {
  mta::protocol::MailCommand mail;
  std::vector<mta::protocol::RcptCommand> recipients;
  std::string_view data;  // behind DATA, with its dots and the line that ends it
};

// The transactions, in order; data are views into text. Lines end in CRLF; there may be HELO, EHLO, NOOP, RSET and QUIT.
// Permanent error: the first thing that is wrong, with its line. Nothing is to be done then. Linear in text.
Result<std::vector<BatchTransaction>> parse_batch(std::string_view text, const BatchLimits& limits = {});

}  // namespace waxwing::channels
