// A mailing list of the aliases file: what its named parameters ([AUTH_LIST] members.txt) say.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mta/config/header_options.h"

namespace waxwing::mta {

// One question about who writes: true when one of the addresses, URLs or the mapping says so.
struct ListClause {
  enum class Asks {
    sender,    // the authenticated sender, else the envelope From, against addresses and URLs
    username,  // the authenticated sender only: nobody else passes
    channel,   // the source channel
    mapping,   // a table, with the probe "list|envelope From|authenticated sender"; $Y says yes
  };
  Asks asks = Asks::sender;
  bool wanted = true;                 // the answer that lets a message pass; false for the CANT_ ones
  bool authenticated = false;         // SASL_: nobody fulfils it without having logged in
  std::vector<std::string> patterns;  // * and % as in mapping tables
  std::vector<std::string> urls;      // ldap:///..., whose entries' addresses count
  std::string table;
};

// What a list does to a message on its way to the members.
struct ListEffects {
  std::string subject_tag;                    // in front of the subject, unless it is in there
  std::vector<std::string> add_headers;       // "Name: value"
  std::vector<std::string> absent_headers;    // the same, where the message has no such field
  std::vector<std::string> remove_headers;    // names
  std::string prefix_text, suffix_text;       // around a plain text body
  std::int64_t line_limit = 0;                // 0: none
  std::shared_ptr<const HeaderOptions> trim;  // what a header option file says; may be null
  std::string sequence;                       // file of run/sequence that numbers its messages; "": none
  bool number_behind = false;                 // behind the subject, not in front of it
  bool only_last_number = false;              // an answer loses the number of what it answers
  bool tell_recipient = false, tell_sender = false;  // in the Received: field of the process channel
  bool any() const {
    return line_limit > 0 || trim || !subject_tag.empty() || !add_headers.empty() ||
           !absent_headers.empty() || !remove_headers.empty() || !prefix_text.empty() ||
           !suffix_text.empty() || !sequence.empty() || tell_recipient || tell_sender;
  }
};

// Gets what others write, who need it not.
struct Moderator {
  std::string address;
  bool authenticated = false;  // is a moderator only where he has logged in
  bool operator==(const Moderator&) const = default;
};

struct ListPolicy {
  bool is_list = false;
  std::optional<bool> any;  // OR: one clause is enough; AND: each must be fulfilled; nothing: OR_CLAUSES
  std::vector<ListClause> access;
  std::vector<ListClause> holding;  // one that is fulfilled holds the message
  std::vector<Moderator> moderators;
  std::vector<ListClause> moderator_access;  // who need not ask them
  std::int64_t block_limit = 0;              // 0: none
  std::string envelope_from;
  std::string notify;      // in place of what the sender asks for (RFC 3461 NOTIFY); empty: as it comes
  std::string tags;        // for the conversion channel, separated by commas
  bool expandable = true;  // may EXPN show the members
  ListEffects effects;
};

// The field replaces the message's; with "*" at the end of value it is added where the message has none.
void set_list_header(ListEffects& effects, std::string_view field, std::string_view value);

struct ListParameterSpec {
  std::string_view name;  // without the brackets
  enum class Takes {
    nothing,
    clause_list,
    clause_username,
    clause_channel,
    clause_mapping,
    address,
    number,
    header_file,
    option_file,
  } takes;
  enum class State {
    here,
    needless,  // taken; what it asks for is so anyway, as help tells
    filters,   // taken with a warning: there is no filter engine yet
    refused,   // an error: help tells why
  } state;
  std::string_view help;
};
std::span<const ListParameterSpec> list_parameters();
const ListParameterSpec* find_list_parameter(std::string_view name);  // case-blind

// Puts one parameter into the policy. list: the addresses and URLs of its file, for those that take one.
// Answers what is wrong with the value; empty when it was taken. Only for those with State::here.
std::string apply_list_parameter(const ListParameterSpec& parameter, std::string_view value, ListClause list,
                                 ListPolicy& policy);

}  // namespace waxwing::mta
