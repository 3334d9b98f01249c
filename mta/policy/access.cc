#include "mta/policy/access.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "mta/address/mapping.h"
#include "mta/policy/membership.h"

namespace waxwing::mta {
namespace {

using Action = AccessVerdict::Action;

// The arguments in an output string: one piece between bars for each flag that takes one, in fixed order.
class Pieces {
 public:
  explicit Pieces(std::string_view text) : rest_(text) {}
  std::string take() { return std::string(take_until(rest_, '|')); }
  std::string rest() const { return std::string(rest_); }

 private:
  std::string_view rest_;
};

void refuse(AccessVerdict& verdict, std::string extended, std::string text, bool tell_table) {
  // The extended code chooses the reply: 4.7.1 is 450, 5.7.1 is 550.
  if (extended.empty() && text.size() > 6 && (text.starts_with("4.") || text.starts_with("5.")) &&
      text.find(' ') != std::string::npos) {
    extended = text.substr(0, text.find(' '));
    text = text.substr(text.find(' ') + 1);
  }
  if (extended.empty()) extended = "5.7.1";
  const bool later = extended[0] == '4';
  verdict.action = later ? Action::temporary : Action::reject;
  verdict.code = later ? 450 : 550;
  verdict.status = extended;
  verdict.text = text.empty() ? "you are not allowed to use this address" : text;
  if (tell_table) verdict.text += " (" + verdict.table + ")";
}

void limits(AccessVerdict& verdict, const std::string& piece) {
  const auto parts = split(piece, ',');
  std::int64_t* const targets[] = {&verdict.block_limit, &verdict.recipient_limit, &verdict.recipient_cutoff};
  for (std::size_t i = 0; i < std::min<std::size_t>(3, parts.size()); ++i)
    if (const auto value = to_number<std::int64_t>(trim(parts[i]))) *targets[i] = *value;
}

void delay(AccessVerdict& verdict, const std::string& piece) {
  const auto value = to_number<std::int64_t>(piece).value_or(0);
  const auto hundredths = std::min<std::int64_t>(value < 0 ? -value : value, 60000);  // ten minutes
  verdict.delay_ms = std::max(verdict.delay_ms, hundredths * 10);
  verdict.delay_this_command_only = value < 0;
}

// $I: who is not in the group is refused. The directory down is "try again later".
Result<> check_group(const Lookup& lookup, AccessVerdict& verdict, std::string extended, std::string text) {
  const bool tell_table = lookup.config.options().flag(Opt::ACCESS_ERRORS);
  const auto inside =
      is_in_group(lookup, std::exchange(verdict.group_user, {}), std::exchange(verdict.group, {}));
  if (!inside && directory::is_would_block(inside.error())) return std::unexpected(inside.error());
  if (!inside)
    refuse(verdict, "4.4.3", "the group that access table " + verdict.table + " asks for cannot be looked up",
           false);
  else if (!*inside)
    refuse(verdict, std::move(extended), std::move(text), tell_table);
  return {};
}

// Adds what one table said to the verdict.
Result<> take(const Lookup& lookup, AccessVerdict& verdict, const MapResult& answer) {
  const auto& flags = answer.flags;
  const bool no = flags.has('N') || flags.has('F');
  Pieces pieces(answer.text);
  if (flags.has('U')) verdict.debug_level = static_cast<int>(to_number<int>(pieces.take()).value_or(0));
  if (flags.has('J')) verdict.new_from = pieces.take();
  if (flags.has('K')) verdict.new_sender = pieces.take();
  if (flags.has('I')) {
    verdict.group_user = pieces.take();
    verdict.group = pieces.take();
  }
  if (flags.has('<')) verdict.syslog = pieces.take();
  if (flags.has('>')) {
    auto text = pieces.take();
    if (no) verdict.syslog = std::move(text);
  }
  if (flags.has('D')) delay(verdict, pieces.take());
  if (flags.has('T')) verdict.prefix_tag = pieces.take();
  if (flags.has('A')) verdict.header_lines.push_back(pieces.take());
  if (flags.has('G')) {
    const auto tags = pieces.take();  // split() answers views of it
    for (const auto tag : split(tags, ',')) verdict.conversion_tags.emplace_back(tag);
  }
  if (flags.has('S')) limits(verdict, pieces.take());
  const auto extended = flags.has('X') ? pieces.take() : "";
  if (flags.has(',')) verdict.spam_adjust_hundredths += to_number<std::int64_t>(pieces.take()).value_or(0);
  verdict.no_vacation = verdict.no_vacation || flags.has('!');
  if (no) {
    refuse(verdict, extended, pieces.rest(), lookup.config.options().flag(Opt::ACCESS_ERRORS));
    return {};
  }
  if (flags.has('I')) {
    TRY_VOID(check_group(lookup, verdict, extended, pieces.rest()));
    if (!verdict.ok()) return {};
  }
  if (flags.has('V') || flags.has('Z'))
    verdict.action = Action::discard_all;
  else if (flags.has('B'))
    verdict.action = Action::discard;
  else if (flags.has('H'))
    verdict.action = Action::hold;
  return {};
}

// One table. A directory that is down, or a table that cannot work, is "try again later".
Result<> consult(const Lookup& lookup, OwnTable which, const MappingTable& table, std::string probe,
                 const MapFlags& inputs, AccessVerdict& verdict) {
  auto answer = apply_mapping(lookup, table, probe, inputs);
  if (answer && !answer->matched) return {};
  if (!answer && directory::is_would_block(answer.error())) return std::unexpected(answer.error());
  verdict.table = name_of(which);
  verdict.probe = std::move(probe);
  if (!answer)
    refuse(verdict, answer.error().fault == Fault::temporary ? "4.4.3" : "4.3.5",
           "access table " + verdict.table + " cannot be asked now; try again later", false);
  else
    TRY_VOID(take(lookup, verdict, *answer));
  return {};
}

// What a client says, as one piece of a probe: with a bar in it it could pass for several, and an address for
// one of another channel.
void append_piece(std::string& probe, std::string_view text) {
  const auto begin = static_cast<std::ptrdiff_t>(probe.size());
  probe.append(text);
  std::replace(probe.begin() + begin, probe.end(), '|', '_');
}

MapFlags input_flags(const AccessSession& session) {
  MapFlags flags;
  if (session.sasl) flags.set('A');
  if (session.tls) flags.set('T');
  if (session.esmtp) flags.set('E');
  if (session.lmtp) flags.set('L');
  return flags;
}

void append_session(std::string& probe, const AccessSession& session) {
  probe.append(session.port_probe).append("|");
  append_piece(probe, session.application);
  probe.append("|").append(session.submit_type.empty() ? "MAIL" : session.submit_type).append("|");
}

// The tables of a recipient in their order, and what is special about their probes.
struct RecipientTable {
  OwnTable table;
  bool session;       // the session goes in front
  bool original;      // the address before aliases, and its channel
  std::int64_t bits;  // of ACCESS_ORCPT and its kin: 1 means all tables
};
constexpr RecipientTable kRecipientTables[] = {{OwnTable::orig_send_access, false, true, 1 | 2},
                                               {OwnTable::send_access, false, false, 1 | 4},
                                               {OwnTable::orig_mail_access, true, true, 1 | 8},
                                               {OwnTable::mail_access, true, false, 1 | 16}};

std::string recipient_probe(const MtaOptions& options, const AccessSession& session,
                            const RecipientAccess& access, const RecipientTable& table) {
  const bool before = table.original && !access.destination_rewritten.empty();
  std::string probe;
  probe.reserve(256);
  if (table.session) append_session(probe, session);
  probe.append(access.source_channel).append("|");
  const auto has = [&](Opt option) { return (options.number(option) & table.bits) != 0; };
  append_piece(probe, has(Opt::USE_ORIG_RETURN) ? access.given_from.value_or(access.envelope_from)
                                                : access.envelope_from);
  probe.append("|").append(before ? access.destination_rewritten : access.destination_channel).append("|");
  append_piece(probe, table.original ? access.to_rewritten : access.to_final);
  if (has(Opt::ACCESS_ORCPT)) append_piece(probe.append("|"), access.orcpt);
  if (has(Opt::ACCESS_COUNTS))
    probe.append(fmt::format("|{}/{}/{}/", access.commands, access.accepted, access.expanded));
  if (has(Opt::ACCESS_AUTH)) probe.append("|").append(session.auth_sender);
  return probe;
}

}  // namespace

std::string port_probe(std::string_view server_ip, int server_port, std::string_view client_ip,
                       int client_port) {
  std::string probe = "TCP|";
  probe.append(server_ip).append("|").append(std::to_string(server_port)).append("|");
  return probe.append(client_ip).append("|").append(std::to_string(client_port));
}

Result<PortVerdict> check_port_access(const Lookup& lookup, std::string_view server_ip, int server_port,
                                      std::string_view client_ip, int client_port,
                                      const AccessSession& flags) {
  PortVerdict verdict;
  const auto* table = lookup.config.mappings().table(OwnTable::port_access);
  if (!table) return verdict;
  // Asked once a connection, by a process that waits for nobody: rows marked for either of the two places where
  // PORT_ACCESS was asked of old are for this one.
  auto inputs = input_flags(flags);
  inputs.set('A');
  inputs.set('S');
  TRY(auto answer,
      apply_mapping(lookup, *table, port_probe(server_ip, server_port, client_ip, client_port), inputs));
  if (!answer.matched) return verdict;
  verdict.accept = !(answer.flags.has('N') || answer.flags.has('F'));
  Pieces pieces(answer.text);
  if (answer.flags.has('<')) verdict.syslog = pieces.take();
  if (answer.flags.has('>')) {
    auto text = pieces.take();
    if (!verdict.accept) verdict.syslog = std::move(text);
  }
  verdict.record = answer.flags.has('T');
  (verdict.accept ? verdict.rule_set : verdict.text) = pieces.rest();
  return verdict;
}

Result<AccessVerdict> check_from_access(const Lookup& lookup, const AccessSession& session,
                                        std::string_view source_channel, std::string_view envelope_from) {
  AccessVerdict verdict;
  const auto* table = lookup.config.mappings().table(OwnTable::from_access);
  if (!table) return verdict;
  std::string probe;
  append_session(probe, session);
  probe.append(source_channel).append("|");
  append_piece(probe, envelope_from);
  probe.append("|").append(session.auth_sender);
  TRY_VOID(consult(lookup, OwnTable::from_access, *table, std::move(probe), input_flags(session), verdict));
  return verdict;
}

Result<AccessVerdict> check_etrn_access(const Lookup& lookup, const AccessSession& session,
                                        std::string_view source_channel, std::string_view asked) {
  AccessVerdict verdict;
  const auto* table = lookup.config.mappings().table(OwnTable::etrn_access);
  if (!table) return verdict;
  auto probe = session.port_probe + "|";
  append_piece(probe, session.application);
  probe.append("|").append(source_channel).append("|");
  append_piece(probe, asked);
  TRY_VOID(consult(lookup, OwnTable::etrn_access, *table, std::move(probe), input_flags(session), verdict));
  return verdict;
}

Result<> check_recipient_access(const Lookup& lookup, const AccessSession& session,
                                const RecipientAccess& access, AccessVerdict& verdict) {
  auto inputs = input_flags(session);
  if (access.notify.success) inputs.set('S');
  if (access.notify.failure) inputs.set('F');
  if (access.notify.delay) inputs.set('D');
  for (const auto& each : kRecipientTables) {
    const auto* table = lookup.config.mappings().table(each.table);
    if (!table) continue;
    auto probe = recipient_probe(lookup.config.options(), session, access, each);
    TRY_VOID(consult(lookup, each.table, *table, std::move(probe), inputs, verdict));
    if (!verdict.ok()) break;
  }
  return {};
}

}  // namespace waxwing::mta
