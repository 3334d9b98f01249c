// The access tables: who may connect, send, and to whom. Probes and flags as documented (mappings(5)).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mta/address/context.h"

namespace waxwing::mta {

// What the session knows; each field goes into the probes as written.
struct AccessSession {
  std::string port_probe;   // "TCP|server-ip|server-port|client-ip|client-port"; "" for internal sources
  std::string application;  // "SMTP/helo-name"
  std::string submit_type;  // "MAIL" normally, "SEND", "SAML", "SOML"
  std::string auth_sender;  // authenticated address, or ""
  bool sasl = false, tls = false, esmtp = false, lmtp = false;  // $:A $:T $:E $:L
};
// DSN requests of the recipient: $:S $:F $:D.
struct AccessNotify {
  bool success = false, failure = false, delay = false;
};

// The verdict of one table or several in a row.
struct AccessVerdict {
  enum class Action { accept, reject, temporary, discard, discard_all, hold };
  Action action = Action::accept;
  std::string table, probe;  // the row's table and probe, when one decided
  int code = 250;            // SMTP reply for reject and temporary
  std::string status, text;
  std::string new_from;                      // $J, FROM_ACCESS
  std::string new_sender;                    // $K
  std::vector<std::string> header_lines;     // $A
  std::vector<std::string> conversion_tags;  // $G
  std::string prefix_tag;                    // $T
  std::int64_t delay_ms = 0;                 // $D: before the reply, and those of all further commands
  bool delay_this_command_only = false;      // $D of a negative value
  std::int64_t block_limit = -1, recipient_limit = -1, recipient_cutoff = -1;  // $S
  std::int64_t spam_adjust_hundredths = 0;                                     // $,
  bool no_vacation = false;                                                    // $!
  std::string syslog;                                                          // $< or $>: to be logged
  int debug_level = -1;                                                        // $U
  std::string group_user, group;                                               // $I
  bool ok() const { return action != Action::reject && action != Action::temporary; }
};

// All of these: an error is would-block only (Ask::cache_only). A table that is not there accepts.

// PORT_ACCESS, for the dispatcher. rule_set: what follows $Y ("EXTERNAL").
struct PortVerdict {
  bool accept = true;
  std::string text;      // to send before closing, without CRLF; may begin with a code
  std::string rule_set;  // "EXTERNAL", "INTERNAL" or ""
  std::string syslog;
  bool record = false;  // $T: refusals into mail.log_current
};
Result<PortVerdict> check_port_access(const Lookup& lookup, std::string_view server_ip, int server_port,
                                      std::string_view client_ip, int client_port,
                                      const AccessSession& flags = {});
std::string port_probe(std::string_view server_ip, int server_port, std::string_view client_ip,
                       int client_port);

// FROM_ACCESS, at MAIL FROM.
Result<AccessVerdict> check_from_access(const Lookup& lookup, const AccessSession& session,
                                        std::string_view source_channel, std::string_view envelope_from);

// ETRN_ACCESS, at ETRN. asked: its parameter.
Result<AccessVerdict> check_etrn_access(const Lookup& lookup, const AccessSession& session,
                                        std::string_view source_channel, std::string_view asked);

// ORIG_SEND_ACCESS, SEND_ACCESS, ORIG_MAIL_ACCESS, MAIL_ACCESS in this order; the first that rejects ends.
// to_rewritten: after rewriting; to_final: after alias expansion; call it for each final recipient.
struct RecipientAccess {
  std::string_view source_channel, envelope_from, destination_channel, to_rewritten, to_final;
  std::string_view orcpt;  // with ACCESS_ORCPT: "type;address"
  AccessNotify notify;
  // Channel of to_rewritten, for the ORIG_ tables ("l" for local users): Recipient::rewritten_channel.
  std::string_view destination_rewritten = {};
  // With ACCESS_COUNTS: RCPT commands with this one, recipients accepted before it, addresses it came to with this.
  std::int64_t commands = 0, accepted = 0, expanded = 0;
  std::optional<std::string_view> given_from = {};  // for USE_ORIG_RETURN: envelope_from as it was given
};
// verdict: a fresh one, to be filled.
Result<> check_recipient_access(const Lookup& lookup, const AccessSession& session,
                                const RecipientAccess& access, AccessVerdict& verdict);

}  // namespace waxwing::mta
