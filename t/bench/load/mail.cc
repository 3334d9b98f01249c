#include "t/bench/load/mail.h"

#include <fmt/format.h>

#include <stdexcept>

namespace waxwing::bench {

MailSession::MailSession(const Options& options, Protocol protocol)
    : wire_(options.text("host"), static_cast<int>(options.number("port"))), protocol_(protocol) {
  expect('2', "connecting");
  command(protocol == Protocol::lmtp ? "LHLO load.test" : "EHLO load.test", '2');
}

void MailSession::expect(char first_digit, const std::string& after) {
  for (;;) {
    const auto line = wire_.line();
    if (line.size() < 3) throw std::runtime_error("after " + after + " no reply but: " + line);
    if (line.size() > 3 && line[3] == '-') continue;
    if (line[0] != first_digit) throw std::runtime_error("after " + after + ": " + line);
    return;
  }
}

void MailSession::command(const std::string& line, char first_digit) {
  wire_.send(line + "\r\n");
  expect(first_digit, line);
}

void MailSession::begin(const std::string& from, const std::vector<std::string>& to,
                        const std::string& text) {
  command("MAIL FROM:<" + from + ">", '2');
  for (const auto& each : to) command("RCPT TO:<" + each + ">", '2');
  command("DATA", '3');
  wire_.send(text + ".\r\n");
  answers_due_ = protocol_ == Protocol::lmtp ? to.size() : 1;
}

void MailSession::accepted() {
  for (; answers_due_ > 0; --answers_due_) expect('2', "the final dot");
}

void MailSession::send(const std::string& from, const std::vector<std::string>& to, const std::string& text) {
  begin(from, to, text);
  accepted();
}

void MailSession::quit() {
  command("QUIT", '2');
}

std::string make_message(std::int64_t number, std::size_t size_bytes, const std::string& to) {
  auto text = fmt::format(
      "From: Load <load@load.test>\r\nTo: {}\r\nSubject: message {}\r\nDate: Sun, 22 Nov 2026 12:00:00 "
      "+0000\r\n"
      "Message-ID: <{}.load@load.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; "
      "charset=us-ascii\r\n\r\n",
      to, number, number);
  for (std::int64_t line = 0; text.size() + 2 < size_bytes; ++line)
    text += fmt::format("{:06} the quick brown fox of message {} jumps over lazy dog {}\r\n", line, number,
                        number * 7919 % 1000 + line);
  return text;
}

std::vector<std::string> recipients_of(const Options& options, std::int64_t number) {
  const auto pattern = options.text("rcpt").empty() ? options.text("user") : options.text("rcpt");
  const auto users = options.number("users");
  const auto count = options.number("rcpts");
  std::vector<std::string> to;
  for (std::int64_t k = 0; k < count; ++k)
    to.push_back(with_number(pattern, options.number("first") + (number * count + k) % users));
  return to;
}

}  // namespace waxwing::bench
