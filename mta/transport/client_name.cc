#include "mta/transport/client_name.h"

#include <algorithm>

#include "common/mail/address.h"

namespace waxwing::mta {

namespace {
constexpr std::size_t kMostNames = 3;  // of one address; each is a question more
}  // namespace

Task<std::string> client_name(NameService& names, std::string address) {
  auto all = co_await names.names_of(address);
  if (all.size() > kMostNames) all.resize(kMostNames);
  for (auto& name : all) {
    if (!mail::is_smtp_domain(name, false)) continue;
    auto found = co_await names.addresses(name);
    if (std::ranges::find(found.list, address) != found.list.end()) co_return std::move(name);
  }
  co_return std::string();
}

}  // namespace waxwing::mta
