// The message stream of SMTP and LMTP's DATA and of POP3 multi-line answers: RFC 5321 §4.5.2, RFC 1939 §3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace waxwing::mail {

// Takes DATA bytes in pieces of any size and gives message bytes: transparency dots removed, the final
// CRLF "." CRLF recognised and nothing else taken as an end. A bare LF or a bare CR next to a dot is
// message text, never an end: that closes SMTP smuggling whatever the policy.
class DataDecoder {
 public:
  enum class BareEnds {
    refuse,  // keep reading to the end, bytes unchanged; bare_cr()/bare_lf() then tell to answer 5xx
    repair,  // each bare CR and bare LF becomes CRLF in the output
  };
  explicit DataDecoder(BareEnds policy) : policy_(policy) {}

  // Appends decoded bytes to out and answers how many bytes of input were taken: all, unless the end
  // was reached; what follows is the next command. Do not feed after done().
  std::size_t feed(std::string_view input, std::string& out);
  bool done() const { return state_ == State::done; }

  // Offset in the undecoded stream of the first bare CR (LF), or -1.
  std::int64_t bare_cr() const { return bare_cr_; }
  std::int64_t bare_lf() const { return bare_lf_; }
  bool has_8bit() const { return eight_bit_; }
  std::size_t longest_line() const { return longest_line_; }  // without its CRLF, dots removed

 private:
  // Where the last byte left us: what CR, LF and "." mean depends on it.
  enum class State { line_start, text, cr, dot, dot_cr, done };
  std::size_t whole_lines(std::string_view input, std::size_t at);
  void step(char c, std::string& out);
  void put(char c, std::string& out);
  void after_cr(char c, std::string& out, bool after_dot);
  void line_break(std::string& out);
  void bare(std::int64_t& first, std::int64_t at, char c, std::string& out);

  BareEnds policy_;
  State state_ = State::line_start;
  std::int64_t offset_ = 0, bare_cr_ = -1, bare_lf_ = -1;
  std::size_t line_bytes_ = 0, longest_line_ = 0;
  bool eight_bit_ = false;
};

// The same checks for message bytes that come counted (BDAT): no dots, no end. Not for BINARYMIME content.
class LineChecker {
 public:
  void feed(std::string_view bytes);
  void finish();  // the last byte was given: a CR at the very end is bare
  std::int64_t bare_cr() const { return bare_cr_; }
  std::int64_t bare_lf() const { return bare_lf_; }
  bool has_8bit() const { return eight_bit_; }
  // Of lines that LF has ended, without their CRLF; after finish() of the last one too.
  std::size_t longest_line() const { return longest_line_; }

 private:
  std::int64_t offset_ = 0, bare_cr_ = -1, bare_lf_ = -1;
  std::size_t line_bytes_ = 0, longest_line_ = 0;
  bool cr_ = false, eight_bit_ = false;
};

// Every bare CR and bare LF made CRLF. The text may come in pieces; a CR LF may be cut in two.
class CrlfLines {
 public:
  void feed(std::string_view text, std::string& out);

 private:
  bool after_cr_ = false;  // its line end has been written: an LF that follows is part of it
};

// The way out: doubles dots at line starts and ends with CRLF "." CRLF, adding a CRLF only where the
// message does not end in one. Incremental; message lines must end in CRLF.
class DotStuffer {
 public:
  void feed(std::string_view message, std::string& out);
  void finish(std::string& out);  // the terminator

 private:
  bool at_line_start_ = true;
  bool last_was_cr_ = false;
};

}  // namespace waxwing::mail
