// CommandFramer: cuts the byte stream of a client into commands, literals included (RFC 9051 §4.3, RFC 7888).
//
// Feed it whatever has arrived, one byte or many; it takes bytes until something must happen and then says
// what. Memory is bounded by the limits whatever the client sends: what is too long is read past and
// reported with the command's tag, so that the session can answer and go on.
//
// The message of an APPEND is not kept: when its literal begins, state() is `message` and the session takes
// the bytes itself, then resume()s. A bare LF is accepted as the end of a line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace waxwing::imap {

struct FrameLimits {
  std::size_t command_bytes = 8192;       // all lines and literals of one command together
  std::size_t literal_bytes = 8192;       // one literal
  std::uint64_t discard_bytes = 1 << 20;  // largest unwanted non-synchronizing literal that is read past
  bool streams_append = false;            // APPEND's message is handed to the session
};

class CommandFramer {
 public:
  enum class State {
    more,          // wants bytes
    continuation,  // a synchronizing literal waits: send "+", then resume()
    message,       // APPEND's message is next: see message_*(); resume() when its bytes have been taken
    complete,      // text() is a command
    failed,        // the command was dropped: problem() says why, tag() whose it was
    fatal,         // cannot stay in step with this client: BYE and close
  };

  explicit CommandFramer(FrameLimits limits) : limits_(limits) {}
  void set_limits(FrameLimits limits) { limits_ = limits; }

  // Takes bytes from the front and answers how many; stops as soon as state() is not `more`.
  std::size_t feed(std::string_view bytes);
  State state() const { return state_; }
  void resume();
  // Ready for the next command; gives memory back.
  void reset();

  // The command so far, without the line end of the last line.
  std::string_view text() const { return text_; }
  // What followed an APPEND's message, once the command is complete: nothing, if the client is right.
  std::string_view text_after_message() const { return text().substr(message_end_); }
  // Even of a command that failed; empty when it begins with none, or one of more than 200 bytes. Nothing that is no
  // tag is in it, so that it can stand in an answer.
  std::string_view tag() const;
  const std::string& problem() const { return problem_; }

  std::uint64_t message_size() const { return literal_left_; }
  bool message_is_synchronizing() const { return synchronizing_; }
  bool message_is_binary() const { return binary_; }  // ~{n}: may hold NUL

 private:
  std::size_t feed_line(std::string_view bytes);
  std::size_t feed_literal(std::string_view bytes);
  void end_line();
  void begin_literal(std::uint64_t size);
  bool is_append_message(std::size_t literal_start) const;
  void fail(std::string why);

  FrameLimits limits_;
  State state_ = State::more;
  std::string text_;
  std::string problem_;
  std::string tail_;                // end of an overlong line: enough to see a literal's length
  std::uint64_t literal_left_ = 0;  // bytes of the literal being read
  std::size_t line_start_ = 0;      // in text_: behind the last literal
  std::size_t message_end_ = 0;     // in text_
  bool synchronizing_ = false;
  bool binary_ = false;
  bool dropping_ = false;  // the command has failed; reading past the rest of it
};

}  // namespace waxwing::imap
