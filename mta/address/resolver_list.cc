// Lists that wait for the process channel: which ones, and as what they stand in the queue.
//
// A list is left to it when it has to see the message (a password in Approved:) or changes it (header, text), since
// then it needs a copy of its own; when it is large, since nobody's session is to wait for a hundred thousand
// members; and when its entry or DEFER_GROUP_PROCESSING wants it. There it is the only recipient of a submission
// whose members go to the disk as they are found.
#include <xxhash.h>

#include <algorithm>

#include "common/directory/would_block.h"
#include "mta/address/resolver.h"

namespace waxwing::mta {
namespace {

constexpr std::size_t kLargeMembers = 50;
constexpr std::size_t kMostMembers = 1'000'000;
constexpr std::size_t kMostOnLoop = 200;
constexpr std::size_t kMostInMemory = 100'000;

enum Deferring : std::int64_t { where_needed = 0, large_ones = 1, every_one = 2 };

// The unit of work in the queue: one list, one unit.
std::string one_word(std::string address) {
  for (auto& c : address)
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) c = '_';
  return to_lower(address);
}

}  // namespace

Resolver::Mark Resolver::mark_of(std::string_view text) {
  const auto hash = XXH3_128bits(text.data(), text.size());
  return {hash.high64, hash.low64};
}

bool Resolver::first_visit(const std::string& what) {
  return seen_.insert(mark_of(to_lower(what))).second;
}

// Nearly every address comes to one recipient: only the second one needs the set.
bool Resolver::is_repeated(const Recipient& recipient) {
  const auto key = [](const Recipient& of) { return mark_of(of.channel + "|" + to_lower(of.address)); };
  if (request_.sink == nullptr) {
    if (result_.recipients.empty()) return false;
    if (delivered_.empty()) delivered_.insert(key(result_.recipients.front()));
  }
  return !delivered_.insert(key(recipient)).second;
}

Trouble Resolver::hand_over(Recipient recipient) {
  if (is_repeated(recipient)) return std::nullopt;
  // The walk itself takes its time: from here on it is a worker's.
  if (lookup_.ask == Ask::cache_only && count_ >= kMostOnLoop)
    return std::unexpected(directory::would_block());
  if (count_ >= (request_.sink ? kMostMembers : kMostInMemory))
    return problem(550, "5.5.3",
                   "the address expands to more than " + std::to_string(count_) + " recipients");
  lookup_.say([&] { return "  -> channel " + recipient.channel + ": " + recipient.address; });
  ++count_;
  if (request_.sink == nullptr) return result_.recipients.push_back(std::move(recipient)), std::nullopt;
  TRY_VOID((*request_.sink)(std::move(recipient)));
  return std::nullopt;
}

Resolver::ListUse Resolver::use_of(const directory::Group& group) {
  ListUse use;
  use.id = "entry:" + to_lower(group.dn);
  use.needs_message = asks_password(group) || effects_of(group).any();
  use.large =
      group.rfc822_members.size() + group.member_dns.size() > kLargeMembers || !group.member_urls.empty();
  use.wish = group.defer_processing;
  return use;
}

Resolver::ListUse Resolver::use_of(const Alias& alias) {
  ListUse use;
  use.id = "alias:" + to_lower(alias.name);
  use.needs_message = alias.list.effects.any();
  use.large = alias.values.size() > kLargeMembers || !alias.urls.empty();
  return use;
}

bool Resolver::is_left_to_process(const ListUse& use, const Frame& frame) const {
  if (request_.lists == Lists::expand || lookup_.config.channel("process") == nullptr) return false;
  if (request_.lists != Lists::defer) return frame.depth > 0 && use.needs_message;
  if (use.needs_message || use.wish == "yes" || request_.postpone) return true;
  if (use.wish == "no") return false;
  const auto deferring = lookup_.config.options().number(Opt::DEFER_GROUP_PROCESSING);
  return deferring >= every_one || (deferring == large_ones && use.large);
}

// $ and @ of DELIVERY_OPTIONS.
bool Resolver::is_for_later(const std::vector<std::string>& delivery_options) const {
  return std::ranges::any_of(delivery_options, [&](const auto& name) {
    const auto* option = lookup_.config.delivery_options().find(name);
    return option && (option->expand_later || option->offline);
  });
}

Trouble Resolver::leave_to_process(const ListUse& use, const Rewritten& at, const Frame& frame) {
  ListState state = request_.state;
  if (request_.lists == Lists::defer)
    state = {request_.source ? request_.source->name() : "",
             request_.envelope_from,
             request_.auth_sender,
             {},
             request_.connection,
             {}};
  if (!running_.empty()) state.above.push_back(running_);
  const auto address = mail::format_addr_spec(at.local, at.domain);
  if (std::ranges::find(state.above, use.id) != state.above.end())
    return problem(550, "5.4.6", "list " + printable(address) + " leads back to itself");
  if (std::ssize(state.above) > lookup_.config.options().number(Opt::MAX_ALIAS_LEVELS))
    return problem(550, "5.4.6", "lists nested deeper than MAX_ALIAS_LEVELS at " + printable(address));
  lookup_.say([&] { return "  left to the process channel"; });
  auto recipient = recipient_below(frame);
  recipient.channel = "process";
  if (request_.postpone && request_.source) {
    const auto* other = lookup_.config.channel(request_.source->word(Kw::expandchannel));
    if (other) recipient.channel = other->name();
  }
  recipient.address = address;
  recipient.host = one_word(address);
  recipient.expanded = address;
  state.tags = frame.tags;  // its own are added when it is looked at again
  recipient.list_state = state.encode();
  return hand_over(std::move(recipient));
}

}  // namespace waxwing::mta
