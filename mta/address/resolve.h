// From an envelope address to queue entries: parse, rewrite, alias file and directory, delivery options,
// rewrite again, channel; for groups and forwards once for every member.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mta/address/context.h"
#include "mta/address/list.h"
#include "mta/address/problem.h"

namespace waxwing::mta {

// One final recipient: one line of a queue file.
struct Recipient {
  std::string channel;  // destination channel: "tcp_local", "ims-ms"
  std::string
      address;  // as the channel is to use it, route included: "a@example.org", "uid+folder@ims-ms-daemon"
  std::string host;       // destination host, lower case, for scheduling and MX: "example.org"; channels with
                          // the daemon keyword override it themselves
  std::string mailbox;    // ims-ms: "uid" or "uid@domain", as store names have it; else empty
  std::string folder;     // ims-ms: folder from the subaddress, "/" between levels; else empty
  std::string rewritten;  // address after rewriting, before aliases and directory (ORIG_ access tables)
  std::string rewritten_channel;  // the channel it had then: "l" for local users
  std::string expanded;       // address after aliases and directory, before delivery options (access tables)
  std::string envelope_from;  // not empty: use this envelope From (a list's errors-to address)
  std::string notify;         // not empty: what a list asks for in place of the sender (RFC 3461 NOTIFY)
  bool hold = false;          // put it in the queue held
  std::string list_state;     // not empty: a list that its channel (process) is to expand; ListState
  std::string tags;           // for the conversion channel, separated by commas
  bool from_list = false;     // it came out of a group: RFC 3461 §5.2.7, no success notices past this point
};

struct Resolution {
  std::vector<Recipient> recipients;
  // Members that came to nothing while others did not: send notices to the list owner, or log.
  // The first hundred of them stand here.
  std::vector<AddressProblem> member_problems;
  std::size_t problem_count = 0;
  // Lists::head: the address is a list that takes this message; its members are still to be found.
  std::optional<ListEffects> list;
};

struct ResolveRequest {
  std::string address;              // without <>; "" is refused
  const Channel* source = nullptr;  // source channel; null: none ("imsimta test -rewrite" without -channel)
  std::string envelope_from;        // for $M-like checks of groups (mgrpAllowedBroadcaster)
  std::string auth_sender;          // address of the authenticated sender, or ""
  std::uint64_t size_bytes = 0;     // as MAIL FROM SIZE said; 0 unknown
  bool submission = false;          // defaulthost's second host applies
  bool expand = false;              // EXPN: to show the members, not to send to them
  Lists lists = Lists::expand;
  bool postpone =
      false;        // expandlimit: with Lists::defer, whatever has an entry or an alias is left to process
  ListState state;  // head and members: as it came
  std::string approved;  // Approved: of the message, once that is here
  // members: takes each recipient instead of the Resolution. Its error ends the walk and is the answer's.
  const std::function<Result<>(Recipient&&)>* sink = nullptr;
  std::string connection;  // with INCLUDE_CONNECTIONINFO: "port probe|application|"
};

// The error text of Result holds only would-block and bug; everything an address can do wrong is a problem.
using ResolveOutcome = std::expected<Resolution, AddressProblem>;
// A would-block error of Ask::cache_only comes back as Result's error.
Result<ResolveOutcome> resolve_recipient(const Lookup& lookup, const ResolveRequest& request);

// Envelope From: parse, complete, rewrite (backward), and reversal when REVERSE_ENVELOPE says so. "" stays
// "".
Result<std::expected<std::string, AddressProblem>> resolve_sender(const Lookup& lookup,
                                                                  const ResolveRequest& request);

// One address of a header field (addr-spec without display name), rewritten and, for backward-pointing ones
// (From, Sender, Reply-To...), reversed: mailAlternateAddress becomes mail, then the REVERSE mapping. Never
// refuses: what cannot be rewritten comes back as it is. Directory down: comes back unreversed.
// The error is would-block only.
enum class Pointing { forward, backward };
Result<std::string> resolve_header_address(const Lookup& lookup, std::string_view address, Pointing pointing,
                                           const Channel* source, const Channel* destination);

}  // namespace waxwing::mta
