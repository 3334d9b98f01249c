// Lines of the logs, with whatever strangers can bring into them: one event is one line, imsimta trace reads it as it was
// written, and nobody can put himself into somebody else's trace. Also logs that somebody has damaged, and the records of
// mail.log_current in all its formats.
#include <algorithm>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/log/log.h"
#include "mta/mail_log/format.h"
#include "t/fuzz/frame/scratch.h"
#include "t/fuzz/fuzz.h"
#include "tools/imsimta/trace_events.h"

using namespace waxwing;
using namespace waxwing::imsimta;

namespace {

constexpr std::size_t kMostShown = 2000;  // of a value

// What was logged meanwhile, by this program under another name.
class Logged {
 public:
  Logged() {
    (void)remove_tree(folder());
    MUST(make_directories(folder()));
    log::open({.directory = folder(), .program = "fuzzed"});
  }
  ~Logged() { log::open({.level = log::Level::critical}); }
  Logged(const Logged&) = delete;
  static std::string folder() { return fuzz::scratch("log"); }
  static std::string path() { return folder() + "/fuzzed.log"; }
};

std::string_view shown(std::string_view value) {
  return value.substr(0, kMostShown);
}

void written(fuzz::Input in) {
  const auto from = in.take(in.byte()), rcpt = in.take(in.byte()), reply = in.rest();
  const Logged log;
  log::Event("mta.accepted")
      .with("sid", "S1")
      .with("qid", "Q1")
      .with("from", from)
      .with("rcpt", rcpt)
      .notice();
  log::Event("mta.failed").with("from", from).with("reply", reply).with("qid", "Q2").notice();
  const auto text = read_file(Logged::path());
  MUST(text && std::ranges::count(*text, '\n') == 2 && text->ends_with('\n'));
  LoggedEvent event;
  std::string_view rest = *text;
  MUST(parse_event(take_until(rest, '\n'), event));
  MUST(event.name == "mta.accepted" && event.program == "fuzzed" && event.field("qid") == "Q1");
  MUST(event.fields.size() == 4 && event.field("from") == shown(from) && event.field("rcpt") == shown(rcpt));
  MUST(parse_event(take_until(rest, '\n'), event));
  MUST(event.fields.size() == 3 && event.field("reply") == shown(reply) && event.field("qid") == "Q2");

  TraceIds ids{.messages = {"Q2"}, .sessions = {}};
  const auto traced = follow(Logged::folder(), ids);
  MUST(traced && traced->size() >= 1);
  for (const auto& one : *traced) MUST(one.field("qid") == "Q2" || ids.messages.contains(one.field("qid")));
  if (reply.find("queued again as ") == reply.npos) MUST(traced->size() == 1);
  const auto found = find_messages(Logged::folder(), "nobody@example.net", 10);
  MUST(found.has_value());
}

void damaged(std::string_view text) {
  const auto folder = fuzz::scratch("damaged_log");
  MUST(replace_file(folder + "/smtpd.log", text));
  const auto found = find_messages(folder, "joe@example.com", 3);
  MUST(found && found->messages.size() <= 3);
  auto ids = *found;
  ids.messages.insert("Q1");
  (void)follow(folder, ids);
  LoggedEvent event;
  (void)parse_event(text, event);
  (void)mta::mail_log::day_of_first_line(text);
}

std::shared_ptr<const mta::MtaConfig> config_of_format(int format) {
  mta::SourceSet sources;
  sources.set_file("imta.cnf", ". $U%$H@out\n\nl\nl-host\n\nout\nout\n");
  sources.set_file("option.dat",
                   "LOG_FORMAT=" + std::to_string(format) +
                       "\nLOG_CONNECTION=7\nLOG_FILTER=1\nLOG_REASON=1\nLOG_USERNAME=1\n"
                       "LOG_MESSAGE_ID=1\nLOG_ENVELOPE_ID=1\nLOG_INTERMEDIATE=1\nLOG_DIAGNOSTICS=1\n");
  sources.set_symbol("IMTA_HOST", "l-host");
  sources.set_symbol("IMTA_DEFAULTDOMAIN", "example.com");
  const auto config = mta::MtaConfig::parse(std::move(sources));
  MUST(config.has_value());
  return *config;
}

// The line as text: whatever stands in it, it is one, and where it is XML or JSON what strangers said stays in its quotes.
void mail_log(std::uint8_t choice, fuzz::Input in) {
  static const std::shared_ptr<const mta::MtaConfig> configs[] = {config_of_format(1), config_of_format(2),
                                                                  config_of_format(3), config_of_format(4),
                                                                  config_of_format(5)};
  const std::size_t which = choice % std::size(configs);
  mta::mail_log::Entry entry;
  entry.action = 'E';
  entry.source_channel = "tcp_local";
  entry.destination_channel = "ims-ms";
  entry.sender = in.take(in.byte() & 31);
  entry.original = entry.address = in.take(in.byte() & 31);
  entry.message_id = in.take(in.byte() & 31);
  entry.user = in.take(in.byte() & 31);
  entry.diagnostic = entry.reason = in.rest();
  const auto line =
      mta::mail_log::format_entry(*configs[which], {}, entry, {.wall_milliseconds = 1'800'000'000'000});
  MUST(std::ranges::count(line, '\n') == 1 && line.ends_with('\n'));
  for (const char c : line.substr(0, line.size() - 1)) MUST(static_cast<unsigned char>(c) >= ' ');
  if (line.starts_with('<')) MUST(std::ranges::count(line, '<') == 1 && std::ranges::count(line, '>') == 1);
  if (line.starts_with('<') || line.starts_with('{'))
    MUST(is_utf8(line) && line.find("\xEF\xBF\xBF") == line.npos && line.find("\xEF\xBF\xBE") == line.npos);
  MUST(!mta::mail_log::day_of_first_line(line).empty());
}

}  // namespace

FUZZ_TARGET(event_log) {
  fuzz::Input in(input);
  const auto choice = in.byte();
  if (choice % 3 == 0) return written(in);
  if (choice % 3 == 1) return damaged(in.rest());
  mail_log(choice / 3, in);
}
