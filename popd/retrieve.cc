// RETR and TOP: a message goes out in pieces, whatever its size.
#include <algorithm>

#include "common/base/strings.h"
#include "common/log/log.h"
#include "common/mail/smtp_data.h"
#include "popd/session.h"

namespace waxwing::pop {

namespace {

constexpr std::size_t kPieceBytes = 64 * 1024;

// An open message and the next piece of it. An ordinary message is one trip to a worker.
struct Reading {
  std::optional<store::MessageBytes> file;
  std::uint64_t offset = 0;  // of the piece
  std::string piece;

  Result<> next(store::Mailbox& mailbox, const store::MessageInfo& message) {
    if (!file) {
      TRY(auto opened, mailbox.open_message(message));
      file.emplace(std::move(opened));
    }
    offset += piece.size();
    TRY(piece, file->read(offset, kPieceBytes));
    return {};
  }
};

// The part of piece, which stands at offset, that TOP wants; lines is what is left of the body's lines.
std::string_view top_part(std::string_view piece, std::uint64_t offset, std::uint64_t header_size,
                          std::uint64_t& lines, bool& done) {
  const auto header = offset >= header_size ? 0 : std::min<std::uint64_t>(piece.size(), header_size - offset);
  auto end = static_cast<std::size_t>(header);
  while (end < piece.size() && lines > 0) {
    const auto line_end = piece.find('\n', end);
    if (line_end == std::string_view::npos) return piece;
    end = line_end + 1;
    --lines;
  }
  done = lines == 0 && offset + end >= header_size;
  return piece.substr(0, end);
}

}  // namespace

// Those behind it, as far as its RETR shows that they will be asked for.
void Session::read_ahead(std::uint32_t after) {
  ahead_.begin();
  for (auto number = after + 1; number <= view_->exists(); ++number) {
    const auto message = view_->message(number);
    if (!ahead_.wants(message.size)) return;
    const auto file = mailbox_->open_message(message);
    if (!file) return;  // its own RETR will tell
    auto bytes = file->read(0, message.size);
    if (!bytes) return;
    ahead_.add(number, std::move(*bytes));
  }
}

Task<bool> Session::send_message(std::uint32_t number, std::optional<std::uint64_t> body_lines) {
  const auto message = view_->message(number);
  Reading reading;
  auto known = body_lines ? std::nullopt : ahead_.take(number);
  auto read = [&]() -> Result<> {
    const bool first = !reading.file;
    TRY_VOID(reading.next(*mailbox_, message));
    if (first && !body_lines) read_ahead(number);
    return {};
  };
  // A binary message may hold bare LF and CR. Many clients take one for the end of a line, and what follows
  // "LF . LF" for our next answer: on the wire every line ends in CRLF.
  mail::CrlfLines lines;
  mail::DotStuffer stuffer;
  std::string text, wire = body_lines ? "+OK\r\n" : "+OK " + std::to_string(message.size) + " octets\r\n";
  bool begun = false, done = false;
  while (!done) {
    Result<> got;
    if (known) {
      reading.piece = std::move(*known);
    } else {
      got = co_await server_.workers().run(read);
    }
    if (!got) {
      unreadable(message.uid, got.error(), begun);
      co_return false;
    }
    begun = true;
    std::string_view part = reading.piece;
    if (body_lines) part = top_part(part, reading.offset, message.header_size, *body_lines, done);
    done = done || reading.offset + reading.piece.size() >= message.size;
    text.clear();
    lines.feed(part, text);
    stuffer.feed(text, wire);
    if (done) stuffer.finish(wire);
    stream_.write(wire);
    wire.clear();
    if (stream_.pending_output() <= Stream::kHighWater) continue;
    auto flushed = co_await stream_.flush();
    if (flushed) continue;
    over_ = true;
    co_return false;
  }
  co_return true;
}

// Once the answer has begun nothing but the end of the connection can say that it is not whole.
void Session::unreadable(std::uint32_t uid, const Error& error, bool begun) {
  log::Event("pop.message.failed").with("sid", sid_).with("uid", uid).with("error", error.text).error();
  if (begun) {
    over_ = true;
    stream_.close();
  } else {
    err(store::code_of(error) == store::Code::nonexistent
            ? "[SYS/PERM] another client has removed that message"
            : "[SYS/TEMP] the message cannot be read now");
  }
}

Task<void> Session::retr(std::string_view argument) {
  const auto number = message_number(argument);
  if (!number) co_return;
  const bool sent = co_await send_message(*number, std::nullopt);
  if (!sent) co_return;
  ++retrieved_;
  if (seen_.empty()) seen_.resize(view_->exists() + 1);
  seen_[*number] = true;
}

Task<void> Session::top(std::string_view argument) {
  const auto words = split_words(argument);
  const auto lines = words.size() == 2 ? to_number<std::uint64_t>(words[1]) : std::nullopt;
  if (!lines) {
    err("TOP needs a message number and a number of lines");
    co_return;
  }
  const auto number = message_number(words[0]);
  if (!number) co_return;
  const bool sent = co_await send_message(*number, lines);
  static_cast<void>(sent);
}

}  // namespace waxwing::pop
