// Rewriting: from a host name to a channel by the rules of imta.cnf. imta.cnf(5) tells the language.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "mta/address/context.h"
#include "mta/address/problem.h"

namespace waxwing::mta {

struct RewriteRequest {
  std::string local;                     // value, unquoted
  std::string domain;                    // host, U-labels too, or literal; not empty
  std::vector<std::string> route;        // source route, first hop first; rewriting looks at its first host
  bool envelope = true;                  // $E, else $B
  bool forward = true;                   // $F: To and the like; else $R
  const Channel* source = nullptr;       // $M $N
  const Channel* destination = nullptr;  // $Q $C; null while an envelope To itself is rewritten
  // Where the host was found: $A $P $S $X. A route, when there is one, goes first.
  enum class Origin : std::uint8_t { at, percent, route, bang };
  Origin origin = Origin::at;
  bool tags_route =
      false;  // internal addresses (delivery options): a channel's host name routes without a rule
};

struct Rewritten {
  std::string local, domain;  // domain: A-labels, but in a header the given form where rules changed nothing
  std::vector<std::string> route;    // still in front of the address
  std::string host;                  // next host: the first of route, else domain; lower case
  const Channel* channel = nullptr;  // never null
  std::string text() const;          // "@a:local@domain", local part quoted where needed
};

// Error: would-block only. Problem: no rule matched or the host is no domain name (5.1.2), a rule's $? text, loop (5.4.6), directory down
// (4.4.3).
Result<std::expected<Rewritten, AddressProblem>> rewrite(const Lookup& lookup, RewriteRequest request);

// The keys that are looked up for a host, in order: "sc.cs.siroe.edu", "*.cs.siroe.edu", ".cs.siroe.edu", ...
// ".". Without $*. most_wild_labels leaves out keys with more * labels than any rule has.
std::vector<std::string> host_keys(std::string_view host, std::size_t most_wild_labels = 64);

}  // namespace waxwing::mta
