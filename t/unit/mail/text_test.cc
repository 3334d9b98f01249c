// Encoded words, charsets, parameters, transfer codings, mailbox names.
#include <catch2/catch.hpp>

#include "common/base/strings.h"
#include "common/mail/charset.h"
#include "common/mail/encoded_word.h"
#include "common/mail/modified_utf7.h"
#include "common/mail/parameters.h"
#include "common/mail/transfer_coding.h"

using namespace waxwing;
using namespace waxwing::mail;

namespace {
struct Row {
  const char* in;
  const char* out;
};
}  // namespace

TEST_CASE("encoded words") {
  const Row rows[] = {
      {"plain", "plain"},
      {"=?utf-8?Q?J=C3=B6rg?=", "J\xC3\xB6rg"},
      {"=?ISO-8859-1?Q?a_b=E4?= c", "a b\xC3\xA4 c"},
      {"=?UTF-8?B?w6Q=?= =?UTF-8?B?w7Y=?=", "\xC3\xA4\xC3\xB6"},
      {"=?UTF-8?B?w6Q?=", "\xC3\xA4"},
      {"=?UTF-8?Q?=C3?= =?UTF-8?Q?=A4?=", "\xC3\xA4"},
      {"x =?UTF-8?Q?a?=\r\n =?UTF-8?Q?b?= y", "x ab y"},
      {"=?UTF-8*en?Q?a?=", "a"},
      {"(=?UTF-8?Q?a?=)", "(a)"},
      {"=?UTF-8?Q?a b?=", "a b"},
      {"=?KOI8-R?B?8NLJ18XU?=", "\xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82"},
      {"=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=", "\xE6\x97\xA5\xE6\x9C\xAC"},
      {"=?nonsense?Q?=E4?=", "\xC3\xA4"},
      {"=?utf-8?X?abc?=", "=?utf-8?X?abc?="},
      {"=?utf-8?Q?abc", "=?utf-8?Q?abc"},
      {"=??Q?abc?=", "=??Q?abc?="},
      {"raw \xE4", "raw \xEF\xBF\xBD"},
      {"raw \xC3\xA4", "raw \xC3\xA4"},
  };
  for (const auto& row : rows) {
    INFO(row.in);
    CHECK(decode_words(row.in) == row.out);
  }
}

TEST_CASE("hostile encoded words stay linear") {
  for (const char* piece : {"=?", "=?a?Q?", "=?a?Q?\?=", "=?utf-8?B?=", "?=", "=?a?Q?x?= "}) {
    std::string text;
    while (text.size() < 500000) text += piece;
    decode_words(text);
  }
  const std::string word = "=?UTF-8?Q?a=C3=A4_?= =?utf-8?B?w6Q=?=";
  for (std::size_t i = 0; i <= word.size(); ++i) CHECK(is_utf8(decode_words(word.substr(0, i))));
}

TEST_CASE("text is encoded in words that can be read back") {
  CHECK(encode_words("plain text") == "plain text");
  CHECK(encode_words("=?x") != "=?x");
  for (const char* text : {"\xC3\xA4", "J\xC3\xB6rg M\xC3\xBCller", "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E",
                           "=?x", "a\xF0\x9F\x90\xA6"}) {
    std::string longer;
    for (int i = 0; i < 30; ++i) longer += text;
    for (const bool in_phrase : {false, true}) {
      CHECK(decode_words(encode_words(text, in_phrase)) == text);
      const auto words = encode_words(longer, in_phrase);
      CHECK(decode_words(words) == longer);
      for (const auto word : split(words, ' ')) CHECK(word.size() <= 75);
    }
  }
}

TEST_CASE("charsets") {
  CHECK(to_utf8("\xE4", "iso-8859-1") == "\xC3\xA4");
  CHECK(to_utf8("\x80", "Windows-1252") == "\xE2\x82\xAC");
  CHECK(to_utf8("\xC3", "utf-8") == "\xEF\xBF\xBD");
  CHECK_FALSE(to_utf8("a", "no-such-charset"));
  CHECK_FALSE(to_utf8("a", ""));
  CHECK_FALSE(to_utf8("a", std::string(1000, 'a')));
  CHECK(is_known_charset("GB18030"));
  CHECK_FALSE(is_known_charset("x; rm"));
  CHECK(to_utf8_or_guess("\xC3\xA4", "us-ascii") == "\xC3\xA4");
  CHECK(to_utf8_or_guess("\xE4", "") == "\xC3\xA4");
  // A surrogate pair on the edge of the conversion buffer must come out whole.
  std::string wide(1023, 'a');
  wide += "\x95\x32\x82\x36";  // U+20000 in GB18030
  CHECK(to_utf8(wide, "GB18030") == std::string(1023, 'a') + "\xF0\xA0\x80\x80");
  for (int i = 0; i < 1000; ++i) to_utf8("a", "x-invented-" + std::to_string(i));
  CHECK(fold_for_search("Stra\xC3\x9F"
                        "e") == fold_for_search("STRASSE"));
  CHECK(fold_for_search("\xC3\x84") == fold_for_search("a\xCC\x88"));
}

TEST_CASE("parameters, plain and RFC 2231") {
  const auto simple = parse_parameters("text/plain; charset=\"utf-8\"; Format=flowed (comment); x=a b");
  CHECK(simple.value == "text/plain");
  CHECK(simple.get("CHARSET") == "utf-8");
  CHECK(simple.get("format") == "flowed");
  CHECK(simple.get("x") == "a b");
  const auto joined = parse_parameters(
      "attachment; filename*1*=%C3%B6; filename*0*=utf-8'en'a%C3%A4; filename*2=\"b.txt\"; filename=plain");
  REQUIRE(joined.find("filename"));
  CHECK(joined.parameters.size() == 1);
  CHECK(joined.find("filename")->utf8() ==
        "a\xC3\xA4\xC3\xB6"
        "b.txt");
  CHECK(joined.find("filename")->language == "en");
  CHECK(parse_parameters("a; n*=iso-8859-1''%E4").find("n")->utf8() == "\xC3\xA4");
  CHECK(parse_parameters("a; n=\"=?utf-8?Q?=C3=A4?=\"").find("n")->utf8() == "\xC3\xA4");
  CHECK(parse_parameters("a; n*1=x").find("n") == nullptr);
  CHECK(parse_parameters("a; n=1; n=2").get("n") == "1");
  CHECK(parse_parameters(" (c) text (x) / (y) plain ; a = 1").value == "text/plain");
  CHECK(plain_parameter("multipart/mixed; boundary=\"a\\\"b\"; x=y", "Boundary") == "a\"b");
  CHECK(plain_parameter("multipart/mixed;\r\n\tboundary=abc", "boundary") == "abc");
  CHECK_FALSE(plain_parameter("multipart/mixed", "boundary"));
  CHECK(parse_parameters("a; n*=UTF-8''%C3%A4%20%22x").find("n")->utf8() == "\xC3\xA4 \"x");
  CHECK(parse_parameters("a; n=\"x \\\"y\\\\\"").get("n") == "x \"y\\");
}

TEST_CASE("hostile parameters") {
  const std::string value = "a/b (c); n*0*=utf-8'e'%41; n*1=\"q\\\"\"; m=\"x; =; ;(";
  for (std::size_t i = 0; i <= value.size(); ++i) parse_parameters(value.substr(0, i));
  std::string many = "a/b";
  for (int i = 0; i < 100000; ++i) many += ";n*" + std::to_string(i) + "=x";
  CHECK(parse_parameters(many).get("n").size() == 200);
  parse_parameters(std::string(200000, ';'));
  parse_parameters(std::string(200000, '('));
  CHECK(parse_parameters("a; n=" + std::string(100000, 'x'), {.max_value_bytes = 10}).get("n").size() == 10);
}

TEST_CASE("transfer codings") {
  CHECK(decode_base64("aGVs\r\nbG8=\r\n").bytes == "hello");
  CHECK(decode_base64("aGVs*bG8").bytes == "hello");
  CHECK_FALSE(decode_base64("aGVs*bG8").well_formed);
  CHECK(decode_base64("aGVsbG8=").well_formed);
  CHECK(decode_base64("aGVsbG8=", 3).bytes == "hel");
  CHECK(decode_base64("aGVsbG8=", 3).truncated);
  CHECK_FALSE(decode_base64("aGVsbG8=", 5).truncated);
  CHECK(decode_base64("YQ==YQ==").bytes == "aa");
  CHECK(decode_quoted_printable("a=3Db=\r\nc \t\r\nd=\n=e4=ZZ=").bytes == "a=bc\r\nd\xE4=ZZ");
  CHECK(decode_quoted_printable("a  b  ").bytes == "a  b");
  CHECK(decode_quoted_printable("abcdef", 3).truncated);
  CHECK(decode_quoted_printable("ab" + std::string(100, ' ') + "c", 3).bytes == "ab ");
  CHECK(decode_quoted_printable("ab" + std::string(100, ' ') + "c", 3).truncated);
  std::string bytes;
  for (int i = 0; i < 2000; ++i) {
    bytes += static_cast<char>(i * 7);
    if (i % 100 == 0) {
      REQUIRE(decode_base64(encode_base64_lines(bytes)).bytes == bytes);
      const auto printable_text = encode_quoted_printable(bytes);
      REQUIRE(decode_quoted_printable(printable_text).bytes == bytes);
      for (const auto line : split(printable_text, '\n')) REQUIRE(line.size() <= 77);
    }
  }
  CHECK(encode_quoted_printable("a \r\nb=\xE4\r\n") == "a=20\r\nb=3D=E4\r\n");
}

TEST_CASE("mailbox names in modified UTF-7 have one spelling") {
  const Row rows[] = {{"", ""},
                      {"INBOX", "INBOX"},
                      {"a&-b", "a&b"},
                      {"Entw&APw-rfe", "Entw\xC3\xBCrfe"},
                      {"~peter/mail/&U,BTFw-/&ZeVnLIqe-",
                       "~peter/mail/\xE5\x8F\xB0\xE5\x8C\x97/\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E"},
                      {"&2Dzf7w-", "\xF0\x9F\x8F\xAF"},
                      {"&AAE-", "\x01"}};
  for (const auto& row : rows) {
    INFO(row.in);
    CHECK(from_modified_utf7(row.in) == row.out);
    CHECK(to_modified_utf7(row.out) == row.in);
  }
  for (const char* bad : {"&", "&A", "&APw", "&AGE-", "&APw-&APw-", "&2Dw-", "&3,8-", "&APx-", "&A-",
                          "\xC3\xBC", "a\x01", "&APwA-", "&!-", "&AGEA4Q-", "\x7F"}) {
    INFO(bad);
    CHECK_FALSE(from_modified_utf7(bad));
  }
  CHECK_FALSE(to_modified_utf7("\xFF"));
}
