// imsimta test -rewrite: the whole way of an address, step by step.
#include <fmt/format.h>

#include "mta/address/resolve.h"
#include "mta/policy/access.h"
#include "tools/imsimta/printer.h"
#include "tools/imsimta/test.h"

namespace waxwing::imsimta {
namespace {

using namespace mta;

struct Wishes {
  const Channel* source = nullptr;
  const Channel* destination = nullptr;
  std::string from, sender, client_ip;
  bool quiet = false;
};

void show_headers(const Lookup& lookup, const Wishes& wishes, const std::string& address) {
  const auto show = [&](const char* what, Pointing pointing) {
    const auto text = resolve_header_address(lookup, address, pointing, wishes.source, wishes.destination);
    fmt::print("{} {}\n", what, text ? *text : "error: " + text.error().text);
  };
  fmt::print("\nHeader addresses\n");
  show("  forward (To:, Cc:):   ", Pointing::forward);
  show("  backward (From:, ...):", Pointing::backward);
}

void show_sender(const Lookup& lookup, const Wishes& wishes, const std::string& address) {
  fmt::print("\nEnvelope From\n");
  const auto sender = resolve_sender(lookup, {address, wishes.source, "", "", 0, false});
  if (!sender)
    fmt::print("  error: {}\n", sender.error().text);
  else if (!*sender)
    fmt::print("  refused: {} {} {}\n", sender->error().code, sender->error().status, sender->error().text);
  else
    fmt::print("  {}\n", **sender);
}

const char* action_text(AccessVerdict::Action action) {
  using Action = AccessVerdict::Action;
  return action == Action::hold                                       ? "taken and held"
         : action == Action::discard || action == Action::discard_all ? "taken and thrown away"
                                                                      : "allowed";
}

void show_access(const Lookup& lookup, const Wishes& wishes, const Recipient& recipient) {
  AccessSession session;
  session.port_probe = port_probe("", 25, wishes.client_ip, 0);
  session.auth_sender = wishes.sender;
  session.sasl = !wishes.sender.empty();
  const auto source = wishes.source ? wishes.source->name() : "tcp_local";
  const RecipientAccess access{
      source, wishes.from, recipient.channel,          recipient.rewritten, recipient.expanded,
      "",     {},          recipient.rewritten_channel};
  AccessVerdict verdict;
  const auto asked = check_recipient_access(lookup, session, access, verdict);
  if (!asked)
    fmt::print("    access: error: {}\n", asked.error().text);
  else if (!verdict.ok())
    fmt::print("    access: refused by {}: {} {} {}\n", verdict.table, verdict.code, verdict.status,
               verdict.text);
  else
    fmt::print("    access: {} for source channel {}{}\n", action_text(verdict.action), source,
               verdict.table.empty() ? "" : " (" + verdict.table + ")");
}

void show_keywords(const MtaConfig& config, const std::string& name) {
  const auto* channel = config.channel(name);
  if (!channel) return;
  for (const auto state : {KeywordState::not_yet, KeywordState::filters})
    for (const auto keyword : channel->in_state(state))
      fmt::print("    not yet: {} ({})\n", keyword_spec(keyword).name, keyword_spec(keyword).help);
  for (const auto& group : channel->group_ids()) fmt::print("    group id: {}\n", group);
}

bool show_recipients(const Lookup& lookup, const Wishes& wishes, const std::string& address) {
  fmt::print("\nEnvelope To\n");
  ResolveRequest request{address, wishes.source, wishes.from, wishes.sender, 0, false};
  const auto outcome = resolve_recipient(lookup, request);
  if (!outcome) {
    fmt::print("  error: {}\n", outcome.error().text);
    return false;
  }
  if (!*outcome) {
    const auto& refused = outcome->error();
    fmt::print("\nRefused: {} {} {}\n", refused.code, refused.status, refused.text);
    return false;
  }
  fmt::print("\nRecipients\n");
  const Lookup quiet{lookup.config, lookup.directory, lookup.ask, nullptr};
  for (const auto& recipient : (*outcome)->recipients) {
    fmt::print("  {} on channel {}, host {}{}{}\n", recipient.address, recipient.channel, recipient.host,
               recipient.mailbox.empty() ? "" : ", mailbox " + recipient.mailbox,
               recipient.folder.empty() ? "" : ", folder " + recipient.folder);
    show_access(wishes.quiet ? quiet : lookup, wishes, recipient);
    show_keywords(lookup.config, recipient.channel);
  }
  for (const auto& problem : (*outcome)->member_problems)
    fmt::print("  member {}: {} {} {}\n", problem.address, problem.code, problem.status, problem.text);
  return true;
}

Result<const Channel*> channel_named(const MtaConfig& config, Arguments& arguments,
                                     std::string_view qualifier) {
  std::string name;
  if (!arguments.take(qualifier, &name)) return nullptr;
  const auto* channel = config.channel(name);
  if (channel) return channel;
  std::string names;
  for (const auto& each : config.channels()) names += " " + each.name();
  return permanent("there is no channel \"" + printable(name) + "\"; there are" + names);
}

}  // namespace

Result<int> test_rewrite(const Context& context, Arguments arguments) {
  Wishes wishes;
  TRY(auto config, config_for_test(context, arguments));
  TRY(wishes.source, channel_named(*config, arguments, "channel"));
  if (!wishes.source) {
    TRY(wishes.source, channel_named(*config, arguments, "source_channel"));
  }
  TRY(wishes.destination, channel_named(*config, arguments, "destination_channel"));
  arguments.take("from", &wishes.from);
  arguments.take("sender", &wishes.sender);
  arguments.take("client", &wishes.client_ip);
  wishes.quiet = arguments.take("noverbose");
  std::vector<std::string> addresses;
  for (auto word = arguments.take_word(); !word.empty(); word = arguments.take_word())
    addresses.push_back(word);
  TRY_VOID(arguments.finish("test -rewrite [-channel=C] [-from=A] [-sender=A] [-noverbose] address ..."));
  if (addresses.empty()) return permanent("say which address: imsimta test -rewrite user@example.com");
  const auto directory = directory_for_tool(context.root);
  Printer printer;
  const Lookup lookup{*config, directory.get(), Ask::may_block, wishes.quiet ? nullptr : &printer};
  bool good = true;
  for (const auto& address : addresses) {
    fmt::print("{}\n", address);
    show_headers(lookup, wishes, address);
    show_sender(lookup, wishes, address);
    good = show_recipients(lookup, wishes, address) && good;
  }
  return good ? 0 : 1;
}

}  // namespace waxwing::imsimta
