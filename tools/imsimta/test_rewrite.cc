// imsimta test -rewrite: the whole way of an address, step by step.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <utility>

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
  std::string from, sender, client_ip, input;
  bool quiet = false, check_expansions = false;
  bool delivery_receipt = false;  // as NOTIFY=SUCCESS says it
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
  RecipientAccess access{
      source, wishes.from, recipient.channel,          recipient.rewritten, recipient.expanded,
      "",     {},          recipient.rewritten_channel};
  access.notify.success = wishes.delivery_receipt;
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

// Channel by channel, in the order of imta.cnf; within one as they were found.
void show_by_channel(const Lookup& lookup, const Wishes& wishes, const std::vector<Recipient>& recipients) {
  fmt::print("\nRecipients\n");
  const Lookup quiet{lookup.config, lookup.directory, lookup.ask, nullptr};
  for (const auto& channel : lookup.config.channels()) {
    bool first = true;
    for (const auto& recipient : recipients) {
      if (recipient.channel != channel.name()) continue;
      fmt::print("  {} on channel {}, host {}{}{}{}\n", recipient.address, recipient.channel, recipient.host,
                 recipient.mailbox.empty() ? "" : ", mailbox " + recipient.mailbox,
                 recipient.folder.empty() ? "" : ", folder " + recipient.folder,
                 recipient.hold ? ", held" : "");
      if (!recipient.envelope_from.empty()) fmt::print("    envelope From: {}\n", recipient.envelope_from);
      show_access(wishes.quiet ? quiet : lookup, wishes, recipient);
      if (std::exchange(first, false)) show_keywords(lookup.config, recipient.channel);
    }
  }
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
  show_by_channel(lookup, wishes, (*outcome)->recipients);
  for (const auto& problem : (*outcome)->member_problems)
    fmt::print("  member {}: {} {} {}\n", problem.address, problem.code, problem.status, problem.text);
  return !wishes.check_expansions || (*outcome)->member_problems.empty();
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

namespace {

Result<Wishes> wishes_of(const MtaConfig& config, Arguments& arguments) {
  Wishes wishes;
  TRY(wishes.source, channel_named(config, arguments, "channel"));
  if (!wishes.source) {
    TRY(wishes.source, channel_named(config, arguments, "source_channel"));
  }
  TRY(wishes.destination, channel_named(config, arguments, "destination_channel"));
  arguments.take("from", &wishes.from);
  arguments.take("sender", &wishes.sender);
  arguments.take("client", &wishes.client_ip);
  arguments.take("input", &wishes.input);
  wishes.check_expansions = arguments.take("check_expansions");
  wishes.delivery_receipt = arguments.take("delivery_receipt");
  arguments.take("debug");  // the walk is shown anyway
  wishes.quiet = arguments.take("noverbose");
  wishes.quiet = arguments.take("nodebug") || wishes.quiet;
  return wishes;
}

bool show_address(const Lookup& lookup, const Wishes& wishes, const std::string& address) {
  fmt::print("{}\n", address);
  show_headers(lookup, wishes, address);
  show_sender(lookup, wishes, address);
  return show_recipients(lookup, wishes, address);
}

// Addresses of a file, one a line; without a file those that are typed.
Result<bool> show_lines(const Lookup& lookup, const Wishes& wishes) {
  std::FILE* file = wishes.input.empty() ? stdin : std::fopen(wishes.input.c_str(), "re");
  if (!file) return std::unexpected(system_error("reading " + wishes.input, errno));
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> closing(file == stdin ? nullptr : file, std::fclose);
  const bool asks = file == stdin && ::isatty(STDIN_FILENO) == 1;
  bool good = true;
  char line[65536];
  while ((asks ? fmt::print("Address: "), std::fflush(stdout) : 0), std::fgets(line, sizeof line, file)) {
    const auto address = std::string(trim(line));
    if (address.empty() && asks) break;
    if (!address.empty()) good = show_address(lookup, wishes, address) && good;
  }
  return good;
}

}  // namespace

Result<int> test_rewrite(const Context& context, Arguments arguments) {
  TRY(auto config, config_for_test(context, arguments));
  TRY(const auto wishes, wishes_of(*config, arguments));
  std::vector<std::string> addresses;
  for (auto word = arguments.take_word(); !word.empty(); word = arguments.take_word())
    addresses.push_back(word);
  TRY_VOID(
      arguments.finish("test -rewrite [-channel=C] [-from=A] [-sender=A] [-check_expansions] [-input=F] "
                       "[-delivery_receipt] [-noverbose] address ..."));
  const auto directory = directory_for_tool(context.root, config.get());
  Printer printer;
  const Lookup lookup{*config, directory.get(), Ask::may_block, wishes.quiet ? nullptr : &printer};
  bool good = true;
  if (addresses.empty()) {
    TRY(good, show_lines(lookup, wishes));
  }
  for (const auto& address : addresses) good = show_address(lookup, wishes, address) && good;
  return good ? 0 : 1;
}

}  // namespace waxwing::imsimta
