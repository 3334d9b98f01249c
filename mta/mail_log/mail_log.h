// The MTA's transaction log: a line for what happened to each recipient of each message, and for connections.
// mail_log(5) tells the codes and the fields.
//
// The sink is the process's own, like that of common/log. A record is formatted into a buffer; the buffer goes
// to log/mail.log_current in one write(2) at the end of the event loop's turn, however many records it holds.
// A thread without a loop has no such end, and writes each record at once: tools, and the worker that follows a list, which
// records the members it refuses and none that it takes (those are recorded on the loop, when the message is in the queue).
// One write(2) costs less than what the refusal did before it.
// Nothing is ever waited for: a line that cannot be written is lost (LOG_SNDOPR tells syslog), mail goes on.
// Several processes append to one file; rotation (rotate.h) is noticed within a second. Thread-safe.
#pragma once

#include "mta/config/mta_config.h"
#include "mta/mail_log/entry.h"

namespace waxwing::mta::mail_log {

// Whether a channel's messages are logged at all; ask before an Entry is made. False for null.
inline bool is_logged(const Channel* channel) {
  return channel != nullptr && channel->is(Kw::logging);
}
// Bits of LOG_CONNECTION.
enum class Connections : std::int64_t { transport = 1, opened = 2, etrn = 4, counts = 8, auth = 16 };
inline bool wants(const MtaConfig& config, Connections bit) {
  return (config.options().number(Opt::LOG_CONNECTION) & static_cast<std::int64_t>(bit)) != 0;
}
// Whether fields of the header are written for this channel (LOG_HEADER, logheader); else Entry::header stays empty.
bool logs_fields(const MtaConfig& config, const Channel* channel);
// Whether the header of a message is worth reading for its records on this channel.
bool wants_header(const MtaConfig& config, const Channel* channel);

// Into the log of config.root(); nothing when the configuration was made from texts.
void write(const MtaConfig& config, const Entry& entry);
// What the event loop's turn would write at its end. Tools and tests.
void flush();

// HELD_SNDOPR: syslog hears of a message that was held. Nothing without that option.
void tell_held(const MtaConfig& config, std::string_view channel, std::string_view file,
               std::string_view why);

}  // namespace waxwing::mta::mail_log
