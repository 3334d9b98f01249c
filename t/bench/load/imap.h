// An IMAP client that waits for each answer. NO and BAD throw.
#pragma once

#include <cstdint>
#include <string>

#include "t/bench/load/options.h"
#include "t/bench/load/wire.h"

namespace waxwing::bench {

class ImapSession {
 public:
  // Connects to the port named by port_option ("imap" or "port") and logs in as the user of that number.
  ImapSession(const Options& options, const std::string& port_option, std::int64_t user);
  // All untagged lines of the answer, literals included.
  std::string command(const std::string& text);
  void append(const std::string& mailbox, const std::string& message);
  std::int64_t messages(const std::string& mailbox);  // by STATUS
  // IDLE: after begin_idle() wait_exists() returns at the next EXISTS.
  void begin_idle();
  void wait_exists();
  void end_idle();

 private:
  std::string finish(const std::string& tag, const std::string& text);
  Wire wire_;
  std::uint64_t tag_ = 0;
  std::string idle_tag_;
};

}  // namespace waxwing::bench
