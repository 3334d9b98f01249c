// The TRANSACTION state but for RETR and TOP: STAT, LIST, UIDL, DELE, RSET.
#include "common/base/strings.h"
#include "popd/session.h"

namespace waxwing::pop {

std::optional<std::uint32_t> Session::message_number(std::string_view text) {
  const auto number = to_number<std::uint32_t>(trim(text));
  if (!number || *number == 0) {
    err("that is no message number");
  } else if (*number > view_->exists()) {
    err("there is no such message, only " + std::to_string(view_->exists()) + " in the maildrop");
  } else if (is_deleted(*number)) {
    err("message " + std::to_string(*number) + " is deleted already");
  } else {
    return number;
  }
  return std::nullopt;
}

Task<void> Session::stat(std::string_view) {
  ok(std::to_string(view_->exists() - deleted_count_) + " " + std::to_string(bytes_ - deleted_bytes_));
  co_return;
}

std::string Session::size_line(std::uint32_t number) const {
  return std::to_string(number) + " " + std::to_string(view_->message(number).size);
}

// The same for ever: UIDs are never used again while UIDVALIDITY stays.
std::string Session::uid_line(std::uint32_t number) const {
  return std::to_string(number) + " " + std::to_string(view_->uidvalidity()) + "." +
         std::to_string(view_->uid(number));
}

Task<void> Session::listing(std::string_view argument, Line line) {
  if (!trim(argument).empty()) {
    if (const auto number = message_number(argument)) ok((this->*line)(*number));
    co_return;
  }
  ok(std::to_string(view_->exists() - deleted_count_) + " messages");
  for (std::uint32_t number = 1; number <= view_->exists(); ++number) {
    if (is_deleted(number)) continue;
    stream_.write((this->*line)(number) + "\r\n");
    if (stream_.pending_output() <= Stream::kHighWater) continue;
    auto flushed = co_await stream_.flush();
    if (flushed) continue;
    over_ = true;
    co_return;
  }
  stream_.write(".\r\n");
}

Task<void> Session::list(std::string_view argument) {
  co_await listing(argument, &Session::size_line);
}

Task<void> Session::uidl(std::string_view argument) {
  co_await listing(argument, &Session::uid_line);
}

Task<void> Session::dele(std::string_view argument) {
  const auto number = message_number(argument);
  if (!number) co_return;
  if (deleted_.empty()) deleted_.resize(view_->exists() + 1);
  deleted_[*number] = true;
  ++deleted_count_;
  deleted_bytes_ += view_->message(*number).size;
  ok("message " + std::to_string(*number) + " deleted");
}

Task<void> Session::rset(std::string_view) {
  deleted_.clear();
  deleted_count_ = 0;
  deleted_bytes_ = 0;
  ok(std::to_string(view_->exists()) + " messages, " + std::to_string(bytes_) + " octets");
  co_return;
}

}  // namespace waxwing::pop
