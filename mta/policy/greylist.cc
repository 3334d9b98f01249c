#include "mta/policy/greylist.h"

#include <arpa/inet.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/directory/would_block.h"
#include "mta/policy/meter.h"

namespace waxwing::mta {

std::string neighbourhood(std::string_view client_ip) {
  const std::string text(client_ip);
  unsigned char bytes[16];
  char printed[INET6_ADDRSTRLEN];
  for (const int family : {AF_INET, AF_INET6}) {
    if (::inet_pton(family, text.c_str(), bytes) != 1) continue;
    std::fill(bytes + (family == AF_INET ? 3 : 8), bytes + (family == AF_INET ? 4 : 16), 0);
    return ::inet_ntop(family, bytes, printed, sizeof printed);
  }
  return text;
}

Result<bool> is_greylisted(const Lookup& lookup, std::string_view client_ip, std::string_view sender,
                           std::string_view recipient) {
  if (lookup.ask == Ask::cache_only) return std::unexpected(directory::would_block());
  Record question("count");
  question.set("table", "greylist");
  question.set("key", neighbourhood(client_ip).append("|").append(sender).append("|").append(recipient));
  const auto answer = ask_meter(lookup.config.root(), question);
  return answer && answer->number("limited") != 0;
}

}  // namespace waxwing::mta
