#include "common/net/block_list.h"

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing {

namespace {
constexpr int kA = 1, kTxt = 16;
constexpr std::size_t kMostText = 200;

// The first character string of a TXT record.
std::string text_of(const DnsAnswer& answer) {
  if (answer.records.empty() || answer.records[0].empty()) return {};
  const std::string_view rdata = answer.records[0];
  return printable(rdata.substr(1, static_cast<unsigned char>(rdata[0])), kMostText);
}
}  // namespace

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
    if (!std::ranges::any_of(answer.records, says_listed)) continue;
    auto text = co_await resolver.query(name, kTxt);
    Listing listing{zone, text_of(text)};
    co_return listing;
  }
  co_return std::nullopt;
}

}  // namespace waxwing
