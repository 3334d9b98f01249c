#include "imapd/answer.h"

#include "common/log/log.h"
#include "store/store.h"

namespace waxwing::imap {
namespace {

std::string_view response_code(const Error& error) {
  switch (store::code_of(error)) {
    case store::Code::nonexistent:
      return "[NONEXISTENT] ";
    case store::Code::already_exists:
      return "[ALREADYEXISTS] ";
    case store::Code::over_quota:
      return "[OVERQUOTA] ";
    case store::Code::cannot:
      return "[CANNOT] ";
    case store::Code::limit:
      return "[LIMIT] ";
    case store::Code::in_use:
      return "[INUSE] ";
    case store::Code::corrupt:
      return "[CORRUPTION] ";
    case store::Code::unavailable:
      return "[UNAVAILABLE] ";
    case store::Code::none:
      break;
  }
  return error.fault == Fault::temporary ? "[UNAVAILABLE] " : "";
}

}  // namespace

Answer answer_for(const Error& error) {
  if (error.fault == Fault::bug) {
    log::Event("imap.bug").with("error", error.text).error();
    return Answer::no("[SERVERBUG] Internal error, see the server's log");
  }
  const auto code = response_code(error);
  if (code == "[UNAVAILABLE] ") {
    // What a disk or a daemon says names files of this machine: not for clients.
    log::Event("imap.unavailable").with("error", error.text).warning();
    return Answer::no("[UNAVAILABLE] Not possible at the moment, please try again later");
  }
  return Answer::no(std::string(code) + one_line(store::text_of(error)));
}

Answer answer_for_target(const Error& error) {
  if (store::code_of(error) != store::Code::nonexistent) return answer_for(error);
  return Answer::no("[TRYCREATE] " + one_line(store::text_of(error)));
}

Answer bad_syntax(const Error& error) {
  return Answer::bad(one_line(error.text));
}

std::string one_line(std::string_view text) {
  std::string line(text.substr(0, 500));
  for (auto& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return line;
}

}  // namespace waxwing::imap
