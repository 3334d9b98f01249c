#include "common/auth/password.h"

#include <catch2/catch.hpp>

#include "common/base/strings.h"

using namespace waxwing;
using namespace waxwing::auth;

TEST_CASE("stored passwords of every scheme") {
  struct Row {
    const char* stored;
    const char* password;
  };
  // Made with openssl dgst, mkpasswd and the vectors of RFC 6070 and RFC 7677.
  const Row rows[] = {
      {"secret", "secret"},
      {"{CLEAR}secret", "secret"},
      {"{plain}secret", "secret"},
      {"{MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==", "secret"},
      {"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "secret"},
      {"{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=", "secret"},
      {"{CRYPT}$1$saltsalt$9xy1btjgzLYfb7hivXtC//", "secret"},
      {"{crypt}$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq."
       "H91p5hVO1",
       "secret"},
      {"{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
       "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
       "pencil"},
      {"{PBKDF2-SHA1}2$c2FsdA$6mwBTcctb4zNHtkqzh1B8NjeiVc", "password"},
  };
  for (const auto& row : rows) {
    INFO(row.stored);
    CHECK(verify_password(row.stored, row.password).value());
    CHECK_FALSE(verify_password(row.stored, "wrong").value());
    CHECK_FALSE(verify_password(row.stored, "").value());
    CHECK_FALSE(verify_password(row.stored, std::string(row.password) + "x").value());
    CHECK_FALSE(verify_password(row.stored, std::string_view("secret\0", 7)).value());
    CHECK_FALSE(verify_password(row.stored, std::string(5000, 'x')).value());
  }
}

TEST_CASE("new passwords verify, differ each time, and weak schemes are refused") {
  for (const auto* scheme : {"SSHA", "SSHA256", "SSHA512", "CRYPT", "PBKDF2-SHA256", "PBKDF2-SHA512",
                             "SCRAM-SHA-256", "ssha512", "CLEAR"}) {
    INFO(scheme);
    const auto stored = hash_password(scheme, "pässwörd").value();
    CHECK(verify_password(stored, "pässwörd").value());
    CHECK_FALSE(verify_password(stored, "passwort").value());
    if (!iequals(scheme, "CLEAR")) CHECK(stored != hash_password(scheme, "pässwörd").value());
  }
  for (const auto* scheme : {"SHA", "MD5", "SMD5", "SHA256", "ROT13", ""})
    CHECK_FALSE(hash_password(scheme, "x").has_value());
  CHECK_FALSE(hash_password("SSHA512", "").has_value());
  CHECK_FALSE(hash_password("SSHA512", std::string_view("a\0b", 3)).has_value());
}

TEST_CASE("malformed values are errors that do not show the value") {
  for (const auto* stored :
       {"{SSHA}", "{SSHA}!!!", "{SSHA512}c2hvcnQ=", "{MD5}AAAA", "{CRYPT}", "{CRYPT}*", "{CRYPT}$9$x",
        "{PBKDF2-SHA256}", "{PBKDF2-SHA256}0$a$b", "{PBKDF2-SHA256}999999999$c2FsdA$c2FsdA",
        "{SCRAM-SHA-256}", "{SCRAM-SHA-256}4096,,,",
        "{SCRAM-SHA-256}0,c2FsdA==,c2FsdA==,c2FsdA==", "{ROT13}frperg"}) {
    INFO(stored);
    const auto answer = verify_password(stored, "frperg");
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().fault == Fault::permanent);
    CHECK(answer.error().text.find("frperg") == std::string::npos);
  }
}

TEST_CASE("slow and clear values are told apart") {
  CHECK(is_slow("{CRYPT}$6$x"));
  CHECK(is_slow("{crypt}$6$x"));
  CHECK(is_slow("{PBKDF2-SHA256}1$a$b"));
  CHECK(is_slow("{SCRAM-SHA-256}1,a,b,c"));
  CHECK_FALSE(is_slow("{SSHA512}x"));
  CHECK_FALSE(is_slow("secret"));
  CHECK(is_clear_text("secret"));
  CHECK(is_clear_text("{CLEAR}secret"));
  CHECK(clear_text("{CLEAR}secret") == "secret");
  CHECK_FALSE(is_clear_text("{SSHA}x"));
}

TEST_CASE("SASLprep") {  // RFC 4013 section 3
  CHECK(prepare_password("I\xc2\xadX").value() == "IX");
  CHECK(prepare_password("user").value() == "user");
  CHECK(prepare_password("\xc2\xaa").value() == "a");
  CHECK(prepare_password("\xe2\x85\xa8").value() == "IX");
  CHECK_FALSE(prepare_password("\x07").has_value());
  CHECK_FALSE(prepare_password("\xd8\xa7\x31").has_value());
  CHECK_FALSE(prepare_password("\xff").has_value());
}
