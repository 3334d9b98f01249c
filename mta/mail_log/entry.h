// One record of the MTA's transaction log, log/mail.log_current: mail_log(5).
//
// Plain views, alive as long as the call that writes the record. What is empty is not known, or does not apply.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace waxwing::mta::mail_log {

// The letters behind an action code.
struct Modifiers {
  bool esmtp = false, lmtp = false, chunking = false, tls = false, sasl = false;
  std::string letters() const;  // "EC", "ESA"
};

struct Entry {
  enum class Kind : std::uint8_t { message, connection };
  Kind kind = Kind::message;
  char action = '?';     // one of the codes of mail_log(5)
  char direction = '+';  // connections: '+' towards this host, '-' from it
  Modifiers modifiers;
  std::string_view source_channel, destination_channel;
  std::uint64_t size_bytes = 0;
  std::string_view sender;
  std::string_view original;      // "rfc822;joe@example.com"
  std::string_view address;       // the recipient as the channel has it; B: the command
  std::string_view intermediate;  // before alias expansion
  std::string_view notify;        // "SUCCESS,FAILURE", "NEVER" or ""
  std::string_view file;          // of the queue, relative to it
  std::string_view envelope_id;
  std::string_view message_id;
  std::string_view user;  // authenticated
  std::string_view priority, sensitivity;
  std::int64_t queue_time_s = -1;  // -1: does not apply
  std::string_view filter;         // what a filter or an access table did to the message
  std::string_view reason;         // why it is held, refused, returned
  std::string_view system;         // who sent it: "helo.example.com ([192.0.2.1])"
  std::string_view remote;         // host that answered
  std::string_view transport;      // "TCP|server|port|client|port"
  std::string_view application;    // "SMTP/helo.example.com", or the greeting of a server
  std::string_view diagnostic;     // "2.1.5 250 Ok", "5.1.1 no such user": what was answered, or went wrong
  std::string_view header;         // block of the message; only what log_header.opt names is written
};

}  // namespace waxwing::mta::mail_log
