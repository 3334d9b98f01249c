#include "common/mail/smtp_data.h"

#include <catch2/catch.hpp>

using namespace waxwing::mail;

namespace {

struct Outcome {
  std::string out, rest;
  bool done = false;
  std::int64_t bare_cr = -1, bare_lf = -1;
  std::size_t longest = 0;
  bool operator==(const Outcome&) const = default;
};

template <class Split>
Outcome decode(const std::string& input, DataDecoder::BareEnds policy, Split pieces) {
  DataDecoder decoder(policy);
  Outcome outcome;
  std::size_t at = 0;
  while (at < input.size() && !decoder.done()) {
    const auto piece = input.substr(at, pieces(at));
    at += decoder.feed(piece, outcome.out);
  }
  outcome.rest = input.substr(at);
  outcome.done = decoder.done();
  outcome.bare_cr = decoder.bare_cr();
  outcome.bare_lf = decoder.bare_lf();
  outcome.longest = decoder.longest_line();
  return outcome;
}

Outcome whole(const std::string& input, DataDecoder::BareEnds policy = DataDecoder::BareEnds::refuse) {
  return decode(input, policy, [&](std::size_t) { return input.size(); });
}

const char* const kStreams[] = {
    ".\r\n",
    "a\r\n.\r\nQUIT\r\n",
    "..\r\n..a\r\n.b\r\nc.\r\n.\r\n",
    "a\n.\n.\r\nb\r\n.\r\n",
    "a\r\n.\nb\r\n.\r\n",
    "a\r.\r\nb\r\n.\r\n",
    "a\n.\r\nb\r\n.\r\n",
    "a\r\n.\rb\r\n.\r\n",
    "a\r\r\n.\r\r\n.\r\nx",
    "\r\n\r\n.\r\n.\r\n",
    "a\r\n\n.\r\n\r.\r\n.\r\n",
    "never ended\r\n.\r",
    "long line of text\r\nshort\r\n.\r\n",
};

}  // namespace

TEST_CASE("only CRLF.CRLF ends a message") {
  CHECK(whole(".\r\n").out.empty());
  CHECK(whole(".\r\n").done);
  const auto plain = whole("a\r\n.\r\nQUIT\r\n");
  CHECK(plain.out == "a\r\n");
  CHECK(plain.rest == "QUIT\r\n");
  CHECK(plain.bare_cr == -1);
  CHECK(plain.bare_lf == -1);
  CHECK(whole("..\r\n..a\r\n.b\r\nc.\r\n.\r\n").out == ".\r\n.a\r\nb\r\nc.\r\n");
  // What smugglers send is text, wherever the peer might have seen an end.
  for (const char* inside :
       {"a\n.\n", "a\n.\r\n", "a\r\n.\n", "a\r.\r\n", "a\r.\r", "a\r\n.\r", "\n.\n", "a\r\r\n.\r\r\n"}) {
    const auto smuggled = whole(std::string(inside) + "MAIL FROM:<x@y>\r\n.\r\n");
    INFO(inside);
    CHECK(smuggled.done);
    CHECK(smuggled.rest.empty());
    CHECK(smuggled.out.find("MAIL FROM") != std::string::npos);
    CHECK((smuggled.bare_cr >= 0 || smuggled.bare_lf >= 0));
  }
  CHECK(whole("ab\ncd\r\n.\r\n").bare_lf == 2);
  CHECK(whole("ab\rcd\r\n.\r\n").bare_cr == 2);
  CHECK(whole("long line of text\r\nshort\r\n.\r\n").longest == 17);
}

TEST_CASE("repair makes line ends whole and never an end of message") {
  const auto repaired = whole("a\nb\rc\r\n\n.\n.\r\nd\r\n.\r\n", DataDecoder::BareEnds::repair);
  CHECK(repaired.out == "a\r\nb\r\nc\r\n\r\n.\r\n.\r\nd\r\n");
  CHECK(repaired.done);
  CHECK(repaired.rest.empty());
  for (const char* stream : kStreams) {
    const auto outcome = whole(stream, DataDecoder::BareEnds::repair);
    LineChecker checker;
    checker.feed(outcome.out);
    checker.finish();
    if (!outcome.done) continue;
    CHECK(checker.bare_cr() == -1);
    CHECK(checker.bare_lf() == -1);
  }
}

TEST_CASE("pieces of any size give the same message") {
  for (const auto policy : {DataDecoder::BareEnds::refuse, DataDecoder::BareEnds::repair}) {
    for (const std::string stream : kStreams) {
      INFO(stream);
      const auto expected = whole(stream, policy);
      CHECK(decode(stream, policy, [](std::size_t) { return 1; }) == expected);
      for (std::size_t cut = 1; cut < stream.size(); ++cut) {
        const auto at_cut = [&](std::size_t at) { return at < cut ? cut - at : stream.size(); };
        CHECK(decode(stream, policy, at_cut) == expected);
      }
    }
  }
}

TEST_CASE("8-bit is noticed wherever it stands") {
  for (const std::string& text :
       {std::string("\xE4\r\n.\r\n"), std::string("a\xE4\r\n.\r\n"), std::string("a\r\xE4\r\n.\r\n")}) {
    DataDecoder decoder(DataDecoder::BareEnds::refuse);
    std::string out;
    decoder.feed(text, out);
    CHECK(decoder.has_8bit());
  }
  DataDecoder decoder(DataDecoder::BareEnds::refuse);
  std::string out;
  decoder.feed(std::string("a\0b\r\n.\r\n", 8), out);
  CHECK_FALSE(decoder.has_8bit());
  CHECK(out == std::string("a\0b\r\n", 5));
}

TEST_CASE("counted bytes are checked the same way, in any pieces") {
  for (const std::string text : {"a\r\nb\n", "a\rb", "a\r\n", "a\r", "\n", "\r\r\n", "x\r\n\xE4\r\n"}) {
    LineChecker at_once, byte_wise;
    at_once.feed(text);
    at_once.finish();
    for (const char c : text) byte_wise.feed(std::string_view(&c, 1));
    byte_wise.finish();
    CHECK(at_once.bare_cr() == byte_wise.bare_cr());
    CHECK(at_once.bare_lf() == byte_wise.bare_lf());
    CHECK(at_once.has_8bit() == byte_wise.has_8bit());
    CHECK(at_once.longest_line() == byte_wise.longest_line());
  }
  LineChecker checker;
  checker.feed("a\r\nbcd\r\nb\nc\r");
  checker.finish();
  CHECK(checker.longest_line() == 3);
  LineChecker endless;
  endless.feed("a\r\nbcdef");
  CHECK(endless.longest_line() == 1);
  endless.finish();
  CHECK(endless.longest_line() == 5);
  CHECK(checker.bare_lf() == 9);
  CHECK(checker.bare_cr() == 11);
}

TEST_CASE("dots are stuffed so that the decoder finds the message again") {
  for (const std::string message :
       {"", "a\r\n", ".\r\n", "..a\r\n.\r\n", "no end", "\r\n.\r\n", "a\n.b\r\n", "a\r", ".", "a\r\n."}) {
    for (std::size_t cut = 0; cut <= message.size(); ++cut) {
      DotStuffer stuffer;
      std::string wire;
      stuffer.feed(message.substr(0, cut), wire);
      stuffer.feed(message.substr(cut), wire);
      stuffer.finish(wire);
      const auto back = whole(wire);
      INFO(message);
      CHECK(back.done);
      CHECK(back.rest.empty());
      const bool complete = message.empty() || message.ends_with("\r\n");
      CHECK(back.out == (complete ? message : message + "\r\n"));
    }
  }
}

namespace {
std::string made_whole(std::string_view text) {
  CrlfLines lines;
  std::string out;
  lines.feed(text, out);
  return out;
}
}  // namespace

TEST_CASE("bare line ends are made whole") {
  CHECK(made_whole("a\r\nb\nc\rd\r\r\n\n") == "a\r\nb\r\nc\r\nd\r\n\r\n\r\n");
  CHECK(made_whole("") == "");
}

TEST_CASE("bare line ends are made whole in pieces") {
  for (const std::string text : {"", "\r", "\n", "\r\n", "\n\r", "\r\r\n\n", "a\r\nb\nc\rd\r\r\n\n",
                                 "a\n.\r\nb\r.\rc", "\r\n\r\n\r\n", "\n\n\n", "\r\r\r", "x\r\ny"}) {
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      INFO(text << " cut at " << cut);
      CrlfLines lines;
      std::string out;
      lines.feed(text.substr(0, cut), out);
      lines.feed("", out);
      lines.feed(text.substr(cut), out);
      CHECK(out == made_whole(text));
    }
  }
}

TEST_CASE("a byte that means something is seen at any place of a run") {
  for (const char special : {'\r', '\n', '\0', '\xE4', '\x0b', '\x0e', '\x01', '.'})
    for (std::size_t place = 0; place < 26; ++place) {
      std::string line = "abcdefghijklmnopqrstuvwxyz";
      line[place] = special;
      const auto stream = "first line of some length\r\n" + line + "\r\n.\r\n";
      INFO(static_cast<int>(special) << " at " << place);
      const auto expected =
          decode(stream, DataDecoder::BareEnds::refuse, [](std::size_t) { return std::size_t{1}; });
      CHECK(whole(stream) == expected);
      DataDecoder at_once(DataDecoder::BareEnds::refuse);
      LineChecker checker;
      std::string out;
      at_once.feed(stream, out);
      checker.feed(stream);
      CHECK(at_once.has_8bit() == (special == '\xE4'));
      CHECK(checker.has_8bit() == (special == '\xE4'));
      CHECK((checker.bare_cr() >= 0) == (special == '\r'));
      CHECK((checker.bare_lf() >= 0) == (special == '\n'));
    }
}
