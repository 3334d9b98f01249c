#include "imapd/message_line.h"

namespace waxwing::imap {

std::string flags_line(Session& session, std::uint32_t sequence, const store::MessageInfo& message,
                       FlagsLine what) {
  std::string line = "* " + std::to_string(sequence) + " FETCH (";
  const auto item = [&](std::string text) {
    if (!line.ends_with('(')) line += ' ';
    line += text;
  };
  if (what.uid) item("UID " + std::to_string(message.uid));
  if (what.flags) item("FLAGS " + session.selected()->flags_text(message, !session.rev2()));
  if (what.modseq) item("MODSEQ (" + std::to_string(message.modseq) + ")");
  return line + ")\r\n";
}

}  // namespace waxwing::imap
