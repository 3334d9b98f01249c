#include <catch2/catch.hpp>

#include "channels/circuitcheck/letter.h"
#include "common/mail/header.h"

using namespace waxwing;
using namespace waxwing::channels;

namespace {
const mta::Circuit kCircuit{
    .name = "gateway", .address = "@far.example:watch@here.example", .expires_seconds = 90};
const Letterhead kHead{"postmaster@here.example", "here.example", 1'790'000'000};
}  // namespace

TEST_CASE("a message of a circuit bears its token, and is so long as the circuit wants it") {
  const std::string key(32, 'k');
  const mta::circuit::Token token{"gateway", 17, 1'790'000'000'000};
  const auto sealed = mta::circuit::seal(key, token);
  for (const std::size_t size : {0, 300, 100'000}) {
    auto circuit = kCircuit;
    circuit.size_bytes = size;
    const auto text = circuit_message(circuit, token, sealed, kHead);
    const auto header = mail::HeaderBlock::scan(text);
    CHECK(header.value("Message-ID") == "<" + sealed + "@here.example>");
    CHECK(header.value("Circuit-Check") == sealed);
    CHECK(header.value("Subject") == "Circuit check gateway, message 17");
    CHECK(header.value("Auto-Submitted") == "auto-generated");
    const auto found = mta::circuit::find_token(key, header);
    CHECK(found.token == token);
    CHECK(text.size() - header.size() >= size);
    CHECK(text.size() - header.size() < size + 300);
    CHECK(text.ends_with("\r\n"));
  }
}

TEST_CASE("the warning names the lost messages, but not any number of them") {
  mta::circuit::Record record(1);
  std::vector<mta::circuit::Sent> lost;
  for (std::uint64_t n = 1; n <= 25; ++n) lost.push_back({n, 1'790'000'000'000});
  const auto text = lost_warning(kCircuit, lost, record, kHead);
  const auto has = [&](const std::string& words) { return text.find(words) != std::string::npos; };
  CHECK(has("Subject: Circuit gateway: messages do not come back\r\n"));
  CHECK(has("    @far.example:watch@here.example\r\n"));
  CHECK(has("within 90 seconds"));
  CHECK(has("    message 20, sent "));
  CHECK_FALSE(has("    message 21, sent "));
  CHECK(has("    and 5 others\r\n"));
  CHECK(has("did so never."));
  CHECK(text.find('\n') != std::string::npos);
  for (std::size_t at = text.find('\n'); at != text.npos; at = text.find('\n', at + 1))
    CHECK(text[at - 1] == '\r');
}
