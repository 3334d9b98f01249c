// The sending side of SMTP and LMTP, a command at a time as most clients speak it. Refusals throw.
#pragma once

#include <string>
#include <vector>

#include "t/bench/load/options.h"
#include "t/bench/load/wire.h"

namespace waxwing::bench {

enum class Protocol { smtp, lmtp };

class MailSession {
 public:
  MailSession(const Options& options, Protocol protocol);
  void send(const std::string& from, const std::vector<std::string>& to, const std::string& text);
  // The same in two steps: up to the final dot, and the answers to it.
  void begin(const std::string& from, const std::vector<std::string>& to, const std::string& text);
  void accepted();
  void quit();

 private:
  void expect(char first_digit, const std::string& after);
  void command(const std::string& line, char first_digit);
  Wire wire_;
  Protocol protocol_;
  std::size_t answers_due_ = 0;
};

// The same text for the same number, with CRLF line ends and about so many bytes.
std::string make_message(std::int64_t number, std::size_t size_bytes, const std::string& to);
// Recipients of message number: in turn from the pattern of the options.
std::vector<std::string> recipients_of(const Options& options, std::int64_t number);

}  // namespace waxwing::bench
