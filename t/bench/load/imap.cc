#include "t/bench/load/imap.h"

#include <stdexcept>

#include "common/base/strings.h"

namespace waxwing::bench {

namespace {
// The size of the literal that follows this line, or nothing.
std::optional<std::size_t> literal_after(std::string_view line) {
  if (!line.ends_with('}')) return std::nullopt;
  const auto open = line.rfind('{');
  if (open == std::string_view::npos) return std::nullopt;
  return to_number<std::size_t>(line.substr(open + 1, line.size() - open - 2));
}
}  // namespace

ImapSession::ImapSession(const Options& options, const std::string& port_option, std::int64_t user)
    : wire_(options.text("host"), static_cast<int>(options.number(port_option))) {
  if (const auto greeting = wire_.line(); !greeting.starts_with("* OK"))
    throw std::runtime_error("greeting: " + greeting);
  command("LOGIN " + with_number(options.text("user"), user) + " " + with_number(options.text("pass"), user));
}

std::string ImapSession::finish(const std::string& tag, const std::string& text) {
  std::string answer;
  for (;;) {
    const auto line = wire_.line();
    if (line.starts_with(tag)) {
      if (!line.substr(tag.size()).starts_with("OK")) throw std::runtime_error(text + ": " + line);
      return answer;
    }
    answer += line + "\r\n";
    if (const auto size = literal_after(line)) answer += wire_.bytes(*size);
  }
}

std::string ImapSession::command(const std::string& text) {
  const auto tag = "a" + std::to_string(++tag_) + " ";
  wire_.send(tag + text + "\r\n");
  return finish(tag, text);
}

void ImapSession::append(const std::string& mailbox, const std::string& message) {
  const auto tag = "a" + std::to_string(++tag_) + " ";
  wire_.send(tag + "APPEND " + mailbox + " {" + std::to_string(message.size()) + "+}\r\n" + message + "\r\n");
  finish(tag, "APPEND");
}

std::int64_t ImapSession::messages(const std::string& mailbox) {
  const auto answer = command("STATUS " + mailbox + " (MESSAGES)");
  const auto at = answer.find("MESSAGES ");
  if (at == std::string::npos) throw std::runtime_error("STATUS: " + answer);
  const auto digits = std::string_view(answer).substr(at + 9);
  return to_number<std::int64_t>(digits.substr(0, digits.find(')'))).value_or(0);
}

void ImapSession::begin_idle() {
  idle_tag_ = "a" + std::to_string(++tag_) + " ";
  wire_.send(idle_tag_ + "IDLE\r\n");
  for (;;) {
    const auto line = wire_.line();
    if (line.starts_with('+')) return;
    if (line.starts_with(idle_tag_)) throw std::runtime_error("IDLE: " + line);
  }
}

void ImapSession::wait_exists() {
  while (!wire_.line().ends_with(" EXISTS")) {
  }
}

void ImapSession::end_idle() {
  wire_.send("DONE\r\n");
  finish(idle_tag_, "IDLE");
}

}  // namespace waxwing::bench
