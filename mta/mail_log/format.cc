#include "mta/mail_log/format.h"

#include <fmt/format.h>

#include <ctime>

#include "common/base/strings.h"
#include "mta/mail_log/line.h"

namespace waxwing::mta::mail_log {

std::string Modifiers::letters() const {
  std::string out;
  if (esmtp) out += 'E';
  if (lmtp) out += 'L';
  if (chunking) out += 'C';
  if (tls) out += 'S';
  if (sasl) out += 'A';
  return out;
}

namespace {

using Look = Line::Look;

constexpr std::int64_t kTransportInMessages = 1;  // of LOG_CONNECTION

constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// A second as both kinds of form begin with it, and the zone that XML and JSON have behind its hundredths.
struct Second {
  std::time_t at = -1;
  std::string text;          // "22-Nov-2026 13:05:01.", as in the example of the manual
  std::string marked, zone;  // "2026-11-22T13:05:01.", "+01:00"
};

// Made once for all records of a second.
const Second& second_of(std::int64_t wall_milliseconds) {
  thread_local Second last;
  const std::time_t seconds = wall_milliseconds / 1000;
  if (last.at == seconds) return last;
  std::tm t{};
  ::localtime_r(&seconds, &t);
  const auto minutes = t.tm_gmtoff / 60;
  const auto away = minutes < 0 ? -minutes : minutes;
  last.text =
      fmt::format("{:02}-{}-{:04} {:02}:{:02}:{:02}.", t.tm_mday, kMonths[static_cast<std::size_t>(t.tm_mon)],
                  t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
  last.marked = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                            t.tm_hour, t.tm_min, t.tm_sec);
  last.zone = fmt::format("{}{:02}:{:02}", minutes < 0 ? '-' : '+', away / 60, away % 60);
  last.at = seconds;
  return last;
}

std::string time_text(std::int64_t ms, bool marked) {
  const auto& second = second_of(ms);
  const auto hundredths = ms % 1000 / 10;
  std::string text = marked ? second.marked : second.text;
  text += static_cast<char>('0' + hundredths / 10);
  text += static_cast<char>('0' + hundredths % 10);
  return marked ? text + second.zone : text;
}

// "2.1.5 250 Ok" of a host that answered is "smtp;250 2.1.5 Ok", as in notifications.
std::string status_text(const Entry& entry) {
  auto rest = entry.diagnostic;
  const auto status = take_until(rest, ' ');
  const bool from_peer = rest.size() >= 3 && is_digit(rest[0]) && is_digit(rest[1]) && is_digit(rest[2]) &&
                         !entry.remote.empty();
  if (!from_peer) return std::string(entry.diagnostic);
  const auto code = take_until(rest, ' ');
  if (rest.starts_with(status)) return fmt::format("smtp;{} {}", code, rest);
  return fmt::format("smtp;{} {} {}", code, status, rest);
}

// The fields in the order of mail_log(5), as options ask for them.
class Writer {
 public:
  Writer(std::string& out, const MtaConfig& config, const Entry& entry, const Moment& now)
      : config_(config),
        options_(config.options()),
        entry_(entry),
        now_(now),
        line_(out, options_.number(Opt::LOG_FORMAT), entry.kind == Entry::Kind::connection ? "co" : "en") {}

  void write(const HeaderFields& header) {
    start();
    if (entry_.kind == Entry::Kind::connection)
      connection();
    else
      message();
    line_.end(header);
  }

 private:
  void put(const char* name, std::string_view value, Look look = Look::word) { line_.put(name, value, look); }
  void put_if(Opt option, const char* name, std::string_view value) {
    if (options_.flag(option)) put(name, value);
  }

  void start() {
    put("ts", time_text(now_.wall_milliseconds, line_.marked()), Look::plain);
    put_if(Opt::LOG_NODE, "no", config_.local_host());
    put_if(Opt::LOG_PROCESS, "pi", now_.process);
    put("sc", entry_.source_channel.empty() ? "**" : entry_.source_channel, Look::plain);
  }

  void connection() {
    put("dr", std::string_view(&entry_.direction, 1), Look::plain);
    put("ac", entry_.action + entry_.modifiers.letters(), Look::plain);
    if (entry_.action == 'U') put("us", entry_.user);
    put("tr", entry_.transport);
    optional("ap", entry_.application);
    optional("di", entry_.diagnostic);
  }

  void message() {
    put("dc", entry_.destination_channel, Look::plain);
    put("ac", entry_.action + entry_.modifiers.letters(), Look::plain);
    put("sz", std::to_string(options_.blocks_of(entry_.size_bytes)), Look::plain);
    put_address("so", entry_.sender);
    put("od", entry_.original);
    put_address("de", entry_.address);
    put_if(Opt::LOG_INTERMEDIATE, "in", entry_.intermediate);
    put_if(Opt::LOG_NOTARY, "rf", entry_.notify);
    if (options_.flag(Opt::LOG_FILENAME))
      put("fi", entry_.file.empty() ? "" : config_.root() + "/queue/" + std::string(entry_.file));
    put_if(Opt::LOG_ENVELOPE_ID, "ei", entry_.envelope_id);
    put_if(Opt::LOG_MESSAGE_ID, "mi", entry_.message_id);
    put_if(Opt::LOG_USERNAME, "us", entry_.user);
    put_if(Opt::LOG_PRIORITY, "pr", entry_.priority);
    put_if(Opt::LOG_SENSITIVITY, "se", entry_.sensitivity);
    if (options_.flag(Opt::LOG_QUEUE_TIME))
      put("qt", entry_.queue_time_s < 0 ? "" : std::to_string(entry_.queue_time_s));
    if (options_.flag(Opt::LOG_FILTER)) put("fl", entry_.filter, Look::quoted);
    if (options_.flag(Opt::LOG_REASON)) put("re", entry_.reason, Look::quoted);
    outcome();
  }

  // dns;host (transport) (greeting) smtp;250 2.1.5 Ok
  void outcome() {
    const bool transport = (options_.number(Opt::LOG_CONNECTION) & kTransportInMessages) != 0;
    if (transport) optional("ss", entry_.system);
    const bool status = options_.flag(Opt::LOG_DIAGNOSTICS);
    if (status && !entry_.remote.empty() && !line_.marked()) put("di", "dns;" + std::string(entry_.remote));
    if (transport) optional("tr", entry_.transport, Look::brackets);
    if (transport) optional("ap", entry_.application, Look::brackets);
    if (!status || (entry_.remote.empty() && entry_.diagnostic.empty())) return;
    auto text = status_text(entry_);
    if (line_.marked() && !entry_.remote.empty()) text = "dns;" + std::string(entry_.remote) + " " + text;
    optional("di", text);
  }

  void optional(const char* name, std::string_view value, Look look = Look::word) {
    if (!value.empty()) put(name, value, look);
  }

  void put_address(const char* name, std::string_view address) {
    const bool bare = !address.empty() && address.find_first_of("@ ") == address.npos;
    if (bare && options_.flag(Opt::LOG_LOCAL))
      return put(name, std::string(address) + "@" + config_.local_host());
    put(name, address);
  }

  const MtaConfig& config_;
  const MtaOptions& options_;
  const Entry& entry_;
  const Moment& now_;
  Line line_;
};

}  // namespace

std::string format_entry(const MtaConfig& config, const HeaderChoice& headers, const Entry& entry,
                         const Moment& now) {
  HeaderFields header;
  if (!entry.header.empty()) header = headers.choose(entry.header);
  std::string out;
  out.reserve(512);
  Writer(out, config, entry, now).write(header);
  return out;
}

std::string day_of_first_line(std::string_view line) {
  for (const auto* mark : {"ts=\"", "\"ts\":\""}) {
    const auto at = line.find(mark);
    if (at != line.npos && at < 20) return std::string(line.substr(at + std::string_view(mark).size(), 10));
  }
  if (line.size() < 11 || line[2] != '-' || line[6] != '-') return {};
  for (std::size_t i = 0; i < 12; ++i)
    if (line.substr(3, 3) == kMonths[i])
      return fmt::format("{}-{:02}-{}", line.substr(7, 4), i + 1, line.substr(0, 2));
  return {};
}

std::string local_day(std::int64_t wall_milliseconds) {
  return second_of(wall_milliseconds).marked.substr(0, 10);
}

}  // namespace waxwing::mta::mail_log
