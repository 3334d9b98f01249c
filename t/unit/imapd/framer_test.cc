#include "imapd/parse/framer.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace waxwing::imap;
using State = CommandFramer::State;

namespace {

// What a stream gives, written one event a line; message literals are taken as a session would.
std::string trace(std::string_view bytes, std::size_t piece, FrameLimits limits) {
  CommandFramer framer(limits);
  std::string out;
  std::uint64_t message_left = 0;
  const auto act = [&] {
    switch (framer.state()) {
      case State::more:
        return false;
      case State::continuation:
        out += "+|";
        framer.resume();
        return true;
      case State::message:
        out += "message " + std::to_string(framer.message_size()) +
               (framer.message_is_synchronizing() ? "" : "+") + (framer.message_is_binary() ? "~" : "") + "|";
        message_left = framer.message_size();
        framer.resume();
        return true;
      case State::complete:
        out += "[" + std::string(framer.text()) + "]";
        break;
      case State::failed:
        out += "failed " + std::string(framer.tag());
        break;
      case State::fatal:
        out += "fatal";
        break;
    }
    out += "|";
    framer.reset();
    return true;
  };
  while (!bytes.empty()) {
    auto part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    while (!part.empty()) {
      const auto skipped = std::min<std::uint64_t>(message_left, part.size());
      message_left -= skipped;
      part.remove_prefix(skipped);
      part.remove_prefix(framer.feed(part));
      while (act()) {
      }
    }
  }
  return out;
}

struct Row {
  const char* bytes;
  const char* expected;
};
const Row kRows[] = {
    {"a NOOP\r\n", "[a NOOP]|"},
    {"a NOOP\n", "[a NOOP]|"},
    {"\r\n", "[]|"},
    {"a NOOP\r\nb NOOP\r\n", "[a NOOP]|[b NOOP]|"},
    {"a LOGIN {3}\r\njoe {2}\r\npw\r\n", "+|+|[a LOGIN {3}\r\njoe {2}\r\npw]|"},
    {"a LOGIN {3+}\r\njoe {2+}\r\npw\r\nb X\r\n", "[a LOGIN {3+}\r\njoe {2+}\r\npw]|[b X]|"},
    {"a LOGIN {0+}\r\n x\r\n", "[a LOGIN {0+}\r\n x]|"},
    {"a X {3+}\r\n{9}\r\n", "[a X {3+}\r\n{9}]|"},
    // A literal that ends like an announcement is none.
    {"a X {3+}\r\n{9} y\r\n", "[a X {3+}\r\n{9} y]|"},
    {"a APPEND box {5}\r\nhello\r\nb NOOP\r\n", "message 5|[a APPEND box {5}\r\n]|[b NOOP]|"},
    {"a append {3+}\r\nbox (\\Seen) ~{5+}\r\nhello\r\n",
     "message 5+~|[a append {3+}\r\nbox (\\Seen) ~{5+}\r\n]|"},
    {"a APPEND box {2}\r\nhi {2+}\r\nho\r\n", "message 2|[a APPEND box {2}\r\n {2+}\r\nho]|"},
    // Too long: read past, reported with its tag, and the next command is found.
    {"a LOGIN 0123456789012345678901234567890123456789012345678901234567890123456789\r\nb NOOP\r\n",
     "failed a|[b NOOP]|"},
    {"a X {50}\r\nb NOOP\r\n", "failed a|[b NOOP]|"},
    // What is no tag does not get into an answer.
    {"a\1b X {50}\r\nb NOOP\r\n", "failed a|[b NOOP]|"},
    {"a{3+}\r\nx y {50}\r\nb NOOP\r\n", "failed a|[b NOOP]|"},
    {"+a X {50}\r\nb NOOP\r\n", "failed |[b NOOP]|"},
    {"a X {50+}\r\n01234567890123456789012345678901234567890123456789 y\r\nb NOOP\r\n", "failed a|[b NOOP]|"},
    {"a X 0123456789012345678901234567890123456789012345678901234567890123456789 {4+}\r\nb \r\n c\r\nd "
     "NOOP\r\n",
     "failed a|[d NOOP]|"},
    {"a X {101+}\r\n", "fatal|"},
    {"a X {99999999999999999999999+}\r\n", "fatal|"},
    {"a X {99999999999999999999999}\r\nb NOOP\r\n", "failed a|[b NOOP]|"},
    {"a X {}\r\n", "[a X {}]|"},
    {"a X {1+}\r\n\r\nb NOOP\r\n", "[a X {1+}\r\n\r]|[b NOOP]|"},
    {"a X {3x}\r\n", "[a X {3x}]|"},
};

}  // namespace

TEST_CASE("the same commands in pieces of every size") {
  const FrameLimits limits{
      .command_bytes = 64, .literal_bytes = 32, .discard_bytes = 100, .streams_append = true};
  for (const auto& row : kRows)
    for (const std::size_t piece : {1, 2, 3, 7, 1000}) {
      CAPTURE(row.bytes, piece);
      CHECK(trace(row.bytes, piece, limits) == row.expected);
    }
}

TEST_CASE("before login APPEND gets no stream") {
  CHECK(trace("a APPEND box {5+}\r\nhello\r\n", 1, {}) == "[a APPEND box {5+}\r\nhello]|");
}

TEST_CASE("memory stays bounded whatever comes") {
  CommandFramer framer({.command_bytes = 100, .literal_bytes = 50, .discard_bytes = 1 << 20});
  const std::string junk(10000, '{');
  for (int i = 0; i < 1000; ++i) {
    framer.feed(junk);
    REQUIRE(framer.text().size() <= 256);
  }
  framer.feed("\r\n");
  CHECK(framer.state() == State::failed);
}
