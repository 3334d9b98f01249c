#include "common/base/strings.h"
#include "common/base/time.h"
#include "mta/address/srs.h"
#include "t/unit/mta_address/resolving.h"

using namespace waxwing;
using namespace waxwing::mta;

namespace {
constexpr std::int64_t kDay = 86400, kToday = 20'000 * kDay;
std::string local_of(const std::string& address) {
  return address.substr(0, address.rfind('@'));
}
}  // namespace

TEST_CASE("SRS: a sender in our name, and back") {
  const SrsKeys keys{"srs.example.com", {"new key", "old key"}, 14};
  const auto made = srs_encode(keys, "Joe+x=y@far.example", kToday);
  REQUIRE(made);
  CHECK(made->starts_with("SRS0="));
  CHECK(made->ends_with("=far.example=Joe+x=y@srs.example.com"));
  CHECK(srs_decode(keys, local_of(*made), kToday).value() == "Joe+x=y@far.example");
  CHECK(srs_decode(keys, to_lower(local_of(*made)), kToday).value() == "joe+x=y@far.example");
  // Its days, a clock that is behind, and the other keys.
  CHECK(srs_decode(keys, local_of(*made), kToday + 14 * kDay));
  CHECK_FALSE(srs_decode(keys, local_of(*made), kToday + 15 * kDay));
  CHECK(srs_decode(keys, local_of(*made), kToday - kDay));
  CHECK_FALSE(srs_decode(keys, local_of(*made), kToday - 2 * kDay));
  const auto old = srs_encode({"srs.example.com", {"old key"}, 14}, "a@far.example", kToday);
  CHECK(srs_decode(keys, local_of(*old), kToday));
  CHECK_FALSE(srs_decode({"srs.example.com", {"other"}, 14}, local_of(*old), kToday));
  for (const char* none :
       {"", "postmaster", "a@srs.example.com", "a@SRS.Example.com", "a@[192.0.2.1]", "\"a b\"@x.test"})
    CHECK_FALSE(srs_encode(keys, none, kToday));
  CHECK_FALSE(srs_encode(keys, std::string(230, 'a') + "@far.example", kToday));
  CHECK_FALSE(srs_encode({"srs.example.com", {}, 14}, "a@far.example", kToday));
}

TEST_CASE("SRS: what another host has made grows no further") {
  const SrsKeys first{"one.example", {"1"}, 14}, second{"two.example", {"2"}, 14},
      third{"three.example", {"3"}, 14};
  const auto once = srs_encode(first, "a@far.example", kToday);
  const auto twice = srs_encode(second, *once, kToday);
  REQUIRE(twice);
  CHECK(twice->starts_with("SRS1="));
  const auto thrice = srs_encode(third, *twice, kToday);
  REQUIRE(thrice);
  CHECK(thrice->size() == twice->size() + 2);
  // A bounce goes from the third to the first at once, which knows its own.
  CHECK(srs_decode(third, local_of(*thrice), kToday).value() == *once);
  CHECK(srs_decode(second, local_of(*twice), kToday).value() == *once);
  CHECK(srs_decode(first, local_of(*once), kToday).value() == "a@far.example");
}

TEST_CASE("SRS: forged and broken addresses") {
  const SrsKeys keys{"srs.example.com", {"key"}, 14};
  auto good = local_of(*srs_encode(keys, "a@far.example", kToday));
  for (std::size_t i = 5; i < good.size(); ++i) {
    auto bad = good;
    bad[i] = bad[i] == 'b' ? 'c' : 'b';
    INFO(bad);
    CHECK_FALSE(srs_decode(keys, bad, kToday));
    CHECK_FALSE(srs_decode(keys, good.substr(0, i), kToday));
  }
  for (const char* bad : {"SRS0=", "SRS0=======", "SRS1======", "SRS0=abcdef=aa=b",
                          "SRS1=abcdef=h=", "SRS2=a=b=c=d", "srs", ""})
    CHECK_FALSE(srs_decode(keys, bad, kToday));
}

TEST_CASE("SRS: a bounce finds its way through relay checks, a forged one does not") {
  Site site(kSiteCnf, kSiteMappings, "", "SRS_DOMAIN=srs.example.com\nSRS_SECRETS=key\n");
  const auto made = srs_encode(srs_keys(*site.config), "far@away.example", wall_seconds());
  const auto back = only(site, *made);
  CHECK(back.address == "far@away.example");
  CHECK(back.rewritten_channel == "l");
  CHECK(resolve(site, "SRS0=aaaaaa=aa=away.example=far@srs.example.com") == "550 5.1.1");
  CHECK(resolve(site, "SRS0=aaaaaa=aa=away.example=far@elsewhere.example").starts_with("tcp_local:"));
}
