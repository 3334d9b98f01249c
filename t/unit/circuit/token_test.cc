#include "mta/circuit/token.h"

#include <catch2/catch.hpp>

#include "common/base/strings.h"

using namespace waxwing;
using namespace waxwing::mta::circuit;

namespace {

const std::string kKey(32, 'k');
const Token kToken{"gate-way_1", 17, 1'790'000'000'123};

Found found(const std::string& header, const std::string& key = kKey) {
  return find_token(key, mail::HeaderBlock::scan(header));
}

Found in_field(const std::string& token) {
  return found("Subject: x\r\nCircuit-Check: " + token + "\r\n\r\n");
}

}  // namespace

TEST_CASE("a token is known again where messages and answers bear it") {
  const auto sealed = seal(kKey, kToken);
  CHECK(sealed.starts_with("circuitcheck.gate-way_1.17.1790000000123."));
  CHECK(sealed.size() == std::string("circuitcheck.gate-way_1.17.1790000000123.").size() + 40);
  for (const char* field :
       {"circuit-check: ", "Message-ID: <", "In-Reply-To: <", "References: <a@b>\r\n <"}) {
    const auto got = found(std::string(field) + sealed + "@here.example>\r\n\r\n");
    CHECK(got.kind == Found::Kind::good);
    CHECK(got.token == kToken);
  }
  CHECK(in_field("(a comment) " + sealed + "\r\n (gateway)").kind == Found::Kind::good);
}

TEST_CASE("nobody else can make a token up") {
  const auto sealed = seal(kKey, kToken);
  CHECK(found("Circuit-Check: " + sealed + "\r\n\r\n", std::string(32, 'x')).kind == Found::Kind::wrong);
  for (std::size_t i = std::string("circuitcheck.").size(); i < sealed.size(); ++i) {
    auto other = sealed;
    other[i] = other[i] == '1' ? '2' : '1';
    INFO(other);
    CHECK(in_field(other).kind == Found::Kind::wrong);
  }
  for (const auto& other :
       {sealed.substr(0, sealed.size() - 1), sealed + "0", sealed + ".x", to_upper(sealed.substr(13)),
        std::string("circuitcheck."), std::string("circuitcheck....."),
        "circuitcheck.x.1.1." + std::string(100'000, 'a'),
        std::string("circuitcheck.gate-way_1.-17.1790000000123.00"),
        std::string("circuitcheck.../../etc.1.1.00")}) {
    INFO(other.substr(0, 100));
    CHECK(in_field(other).kind != Found::Kind::good);
  }
}

TEST_CASE("a header without a token has none, also where others tell of it") {
  const auto sealed = seal(kKey, kToken);
  CHECK(found("").kind == Found::Kind::none);
  CHECK(found("Subject: " + sealed + "\r\nMessage-ID: <a@b>\r\n\r\nCircuit-Check: " + sealed + "\r\n").kind ==
        Found::Kind::none);
}

TEST_CASE("a good token behind others counts, but not behind any number of them") {
  const auto sealed = seal(kKey, kToken);
  const std::string other = "circuitcheck.a.1.1.00 ";
  std::string few, many;
  for (int i = 0; i < 10; ++i) few += other;
  for (int i = 0; i < 10'000; ++i) many += other;
  CHECK(in_field(few + sealed).kind == Found::Kind::good);
  CHECK(in_field(many + sealed).kind == Found::Kind::wrong);
}
