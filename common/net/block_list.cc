#include "common/net/block_list.h"

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing {

namespace {
constexpr int kA = 1, kTxt = 16;
constexpr std::size_t kMostText = 200;

}  // namespace

// The first character string of the record.
std::string listing_text(const DnsAnswer& texts) {
  if (texts.records.empty() || texts.records[0].empty()) return {};
  const std::string_view rdata = texts.records[0];
  return printable(rdata.substr(1, static_cast<unsigned char>(rdata[0])), kMostText);
}

bool is_listing(const DnsAnswer& addresses) {
  return std::ranges::any_of(addresses.records, says_listed);
}

bool says_listed(std::string_view rdata) {
  return rdata.size() == 4 && rdata[0] == 127 && rdata.substr(1, 2) != "\xff\xff";
}

Task<std::optional<Listing>> find_listing(Resolver& resolver, const std::vector<std::string>& zones,
                                          std::string address) {
  const std::string reversed = reversed_address(address);
  if (reversed.empty()) co_return std::nullopt;
  for (const auto& zone : zones) {
    const std::string name = reversed + "." + zone;
    auto answer = co_await resolver.query(name, kA);
    if (!is_listing(answer)) continue;
    auto text = co_await resolver.query(name, kTxt);
    Listing listing{zone, listing_text(text)};
    co_return listing;
  }
  co_return std::nullopt;
}

}  // namespace waxwing
