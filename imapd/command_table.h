// Every command: name, where it is allowed, who does it. The one list there is.
#pragma once

#include <span>
#include <string_view>

#include "imapd/session.h"

namespace waxwing::imap {

struct CommandSpec {
  std::string_view name;  // "UID FETCH" for the UID forms
  unsigned phases;        // bits of Phase
  // What happened in the mailbox may be told before the tagged answer: always, or without EXPUNGE while
  // sequence numbers must not move (RFC 9051 §7.5.1), or never (the command has its own way).
  enum class Updates { all, no_expunge, none } updates;
  Task<Answer> (*handler)(Session&, Command&);
};

std::span<const CommandSpec> command_table();
// name in any case; nullptr when there is none.
const CommandSpec* find_command(std::string_view name);

}  // namespace waxwing::imap
