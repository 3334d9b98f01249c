#include "common/mail/header.h"

#include <catch2/catch.hpp>

using namespace waxwing::mail;

TEST_CASE("a header block is found without copies") {
  const std::string message =
      "Received: one\r\n\ttwo\r\nSubject:  a\r\n  b \r\nX-Empty:\r\nX-Blank : v\r\n\r\nbody: no field\r\n";
  const auto block = HeaderBlock::scan(message);
  REQUIRE(block.fields().size() == 4);
  CHECK(block.fields()[0].name == "Received");
  CHECK(block.fields()[0].value == "one\r\n\ttwo");
  CHECK(block.fields()[0].raw == "Received: one\r\n\ttwo\r\n");
  CHECK(block.fields()[0].raw.data() == message.data());
  CHECK(block.value("subject") == "a\r\n  b ");
  CHECK(block.value("X-Empty") == "");
  CHECK(block.value("x-blank") == "v");
  CHECK_FALSE(block.value("body"));
  CHECK(block.lines() == 7);
  CHECK(message.substr(block.size()) == "body: no field\r\n");
  CHECK(block.has_empty_line());
  CHECK(unfold(*block.value("Subject")) == "a  b");
}

TEST_CASE("damaged header blocks") {
  CHECK(HeaderBlock::scan("").size() == 0);
  CHECK(HeaderBlock::scan("\r\nbody").size() == 2);
  CHECK(HeaderBlock::scan("A: 1\nB: 2\n\nbody").size() == 11);
  const auto text_line = HeaderBlock::scan("A: 1\r\nhello there\r\nB: 2\r\n\r\n");
  CHECK(text_line.fields().size() == 1);
  CHECK(text_line.size() == 6);
  CHECK_FALSE(text_line.has_empty_line());
  const auto cut = HeaderBlock::scan("A: 1\r\nB: 2");
  CHECK(cut.value("B") == "2");
  CHECK(cut.size() == 10);
  CHECK(HeaderBlock::scan(" leading blank\r\n\r\n").size() == 0);
  const auto bare_cr = HeaderBlock::scan("A: 1\r2\r\n\r\n");
  CHECK(bare_cr.value("A") == "1\r2");
  CHECK(unfold(*bare_cr.value("A")) == "1 2");
}

TEST_CASE("header limits leave the rest as body") {
  std::string many;
  for (int i = 0; i < 100; ++i) many += "A: 1\r\n";
  many += "\r\n";
  const auto few = HeaderBlock::scan(many, {.max_fields = 10});
  CHECK(few.fields().size() == 10);
  CHECK(few.limited());
  CHECK(few.size() == 60);
  const auto small = HeaderBlock::scan(many, {.max_bytes = 64});
  CHECK(small.limited());
  CHECK(small.size() == 60);
  const auto huge = HeaderBlock::scan("A: " + std::string(100000, 'x') + "\r\n\r\n", {.max_bytes = 1000});
  CHECK(huge.limited());
  CHECK(huge.fields().empty());
}

TEST_CASE("every cut of a header gives views inside it") {
  const std::string message = "A: 1\r\n 2\r\n\t3\r\nB : x\nC:\r\n\r\nbody";
  for (std::size_t i = 0; i <= message.size(); ++i) {
    const auto text = message.substr(0, i);
    const auto block = HeaderBlock::scan(text);
    REQUIRE(block.size() <= text.size());
    for (const auto& field : block.fields()) {
      REQUIRE(field.value.data() >= field.raw.data());
      REQUIRE(field.value.data() + field.value.size() <= field.raw.data() + field.raw.size());
    }
  }
}

TEST_CASE("decoded text never holds line ends") {
  CHECK(decoded_text("=?utf-8?Q?a=0D=0Ab=00?= c\r\n d") == "a  b  c d");
  CHECK(decoded_text("plain\r\n\ttext") == "plain\ttext");
}

TEST_CASE("fields are folded and cannot smuggle others") {
  CHECK(format_field("Subject", "short") == "Subject: short\r\n");
  CHECK(format_field("Subject", "a\r\nBcc: x") == "Subject: a  Bcc: x\r\n");
  CHECK(format_field("X", "") == "X:\r\n");
  std::string words;
  for (int i = 0; i < 40; ++i) words += "word" + std::to_string(i) + " ";
  const auto folded = format_field("Subject", words);
  const auto whole = folded + "\r\n";
  const auto block = HeaderBlock::scan(whole);
  REQUIRE(block.fields().size() == 1);
  CHECK(unfold(*block.value("Subject")) + " " == words);
  std::size_t at = 0;
  while (at < folded.size()) {
    const auto end = folded.find("\r\n", at);
    CHECK(end - at <= 78);
    at = end + 2;
  }
}
