#include "imapd/urlauth.h"

#include <catch2/catch.hpp>

using namespace waxwing::imap;

TEST_CASE("signed URLs") {
  std::string key;
  for (char c = 0; c < 32; ++c) key += c;
  const std::string url = "imap://joe@example.com/INBOX/;UID=20;URLAUTH=submit+joe";
  const std::string token = "01e2b92100ee59bfef20b000ebce92c5fc6cc3df869db05957b2cd335bae9316c5";
  CHECK(sign_url(key, url) == token);
  CHECK(is_signed(key, url, token));
  CHECK(is_signed(key, url, "01E2B92100EE59BFEF20B000EBCE92C5FC6CC3DF869DB05957B2CD335BAE9316C5"));
  for (std::size_t at = 0; at < token.size(); ++at) {
    auto wrong = token;
    wrong[at] = wrong[at] == '0' ? '1' : '0';
    CHECK_FALSE(is_signed(key, url, wrong));
  }
  CHECK_FALSE(is_signed(key, url, token.substr(0, 64)));
  CHECK_FALSE(is_signed(key, url, ""));
  CHECK_FALSE(is_signed(key, url + "2", token));
  CHECK_FALSE(is_signed(key.substr(1), url, token));
  CHECK_FALSE(is_signed("", url, sign_url("", url)));
}
