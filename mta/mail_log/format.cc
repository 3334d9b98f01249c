#include "mta/mail_log/format.h"

#include <fmt/format.h>

#include <ctime>
#include <vector>

#include "common/base/strings.h"
#include "mta/mail_log/marked.h"

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

constexpr std::size_t kMostFieldBytes = 2000;
constexpr std::int64_t kTransportInMessages = 1;  // of LOG_CONNECTION

std::tm local_time(std::int64_t wall_milliseconds) {
  const std::time_t seconds = wall_milliseconds / 1000;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  return parts;
}

constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// "22-Nov-2026 13:05:01.42", as in the example of the manual.
std::string text_time(std::int64_t ms) {
  const auto t = local_time(ms);
  return fmt::format("{:02}-{}-{:04} {:02}:{:02}:{:02}.{:02}", t.tm_mday,
                     kMonths[static_cast<std::size_t>(t.tm_mon)], t.tm_year + 1900, t.tm_hour, t.tm_min,
                     t.tm_sec, ms % 1000 / 10);
}

// "2026-11-22T13:05:01.42+01:00"
std::string marked_time(std::int64_t ms) {
  const auto t = local_time(ms);
  const auto minutes = t.tm_gmtoff / 60;
  const auto away = minutes < 0 ? -minutes : minutes;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:02}{}{:02}:{:02}", t.tm_year + 1900, t.tm_mon + 1,
                     t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, ms % 1000 / 10, minutes < 0 ? '-' : '+',
                     away / 60, away % 60);
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
class Collector {
 public:
  Collector(const MtaConfig& config, const Entry& entry, const Moment& now)
      : config_(config), options_(config.options()), entry_(entry), now_(now) {}

  std::vector<Piece> all() {
    pieces_.reserve(24);
    start();
    if (entry_.kind == Entry::Kind::connection)
      connection();
    else
      message();
    return std::move(pieces_);
  }

 private:
  bool marked() const { return options_.number(Opt::LOG_FORMAT) >= 4; }

  void put(const char* name, std::string_view value, Piece::Look look = Piece::Look::word) {
    pieces_.push_back({name, std::string(value.substr(0, kMostFieldBytes)), look});
  }
  void put_if(Opt option, const char* name, std::string_view value) {
    if (options_.flag(option)) put(name, value);
  }

  void start() {
    put("ts", marked() ? marked_time(now_.wall_milliseconds) : text_time(now_.wall_milliseconds),
        Piece::Look::plain);
    put_if(Opt::LOG_NODE, "no", config_.local_host());
    put_if(Opt::LOG_PROCESS, "pi", now_.process);
    put("sc", entry_.source_channel.empty() ? "**" : entry_.source_channel, Piece::Look::plain);
  }

  void connection() {
    put("dr", std::string_view(&entry_.direction, 1), Piece::Look::plain);
    put("ac", entry_.action + entry_.modifiers.letters(), Piece::Look::plain);
    if (entry_.action == 'U') put("us", entry_.user);
    put("tr", entry_.transport);
    optional("ap", entry_.application);
    optional("di", entry_.diagnostic, Piece::Look::rest);
  }

  void message() {
    put("dc", entry_.destination_channel, Piece::Look::plain);
    put("ac", entry_.action + entry_.modifiers.letters(), Piece::Look::plain);
    put("sz", std::to_string(options_.blocks_of(entry_.size_bytes)), Piece::Look::plain);
    put("so", whole(entry_.sender));
    put("od", entry_.original);
    put("de", whole(entry_.address));
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
    if (options_.flag(Opt::LOG_FILTER)) put("fl", entry_.filter, Piece::Look::quoted);
    if (options_.flag(Opt::LOG_REASON)) put("re", entry_.reason, Piece::Look::quoted);
    outcome();
  }

  // dns;host (transport) (greeting) smtp;250 2.1.5 Ok
  void outcome() {
    const bool transport = (options_.number(Opt::LOG_CONNECTION) & kTransportInMessages) != 0;
    if (transport) optional("ss", entry_.system, Piece::Look::rest);
    const bool status = options_.flag(Opt::LOG_DIAGNOSTICS);
    if (status && !entry_.remote.empty() && !marked()) put("di", "dns;" + std::string(entry_.remote));
    if (transport) optional("tr", entry_.transport, Piece::Look::brackets);
    if (transport) optional("ap", entry_.application, Piece::Look::brackets);
    if (!status) return;
    auto text = status_text(entry_);
    if (marked() && !entry_.remote.empty()) text = "dns;" + std::string(entry_.remote) + " " + text;
    optional("di", text, Piece::Look::rest);
  }

  void optional(const char* name, std::string_view value, Piece::Look look = Piece::Look::word) {
    if (!value.empty()) put(name, value, look);
  }

  std::string whole(std::string_view address) const {
    std::string text(address);
    const bool bare = !text.empty() && text.find_first_of("@ ") == std::string::npos;
    if (bare && options_.flag(Opt::LOG_LOCAL)) text += "@" + config_.local_host();
    return text;
  }

  const MtaConfig& config_;
  const MtaOptions& options_;
  const Entry& entry_;
  const Moment& now_;
  std::vector<Piece> pieces_;
};

// Text that can stand in a line of a log: control characters and broken UTF-8 as "\x0a".
std::string safe(std::string_view text) {
  const bool utf8 = is_utf8(text);
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 32 || byte == 127 || (byte >= 128 && !utf8))
      out += "\\x" + to_hex(std::string_view(&c, 1));
    else
      out += c;
  }
  return out;
}

std::string text_piece(const Piece& piece, std::int64_t format) {
  auto text = safe(piece.value);
  if (piece.look == Piece::Look::brackets) text = "(" + text + ")";
  if (piece.look == Piece::Look::quoted) text = "'" + text + "'";
  if (piece.look == Piece::Look::plain) return text;
  if (format == 3) return fmt::format("{}:{}", text.size(), text);
  if (format == 2 && text.empty()) return "<>";
  return text;
}

std::string text_lines(const std::vector<Piece>& pieces,
                       const std::vector<std::pair<std::string, std::string>>& header, std::int64_t format) {
  std::string line;
  line.reserve(256);
  for (const auto& piece : pieces) {
    if (!line.empty()) line += ' ';
    line += text_piece(piece, format);
  }
  line += '\n';
  for (const auto& [name, value] : header) line += "  " + safe(name) + ": " + safe(value) + "\n";
  return line;
}

}  // namespace

std::string format_entry(const MtaConfig& config, const HeaderChoice& headers, const Entry& entry,
                         const Moment& now) {
  const auto format = config.options().number(Opt::LOG_FORMAT);
  const auto pieces = Collector(config, entry, now).all();
  std::vector<std::pair<std::string, std::string>> header;
  if (!entry.header.empty()) header = headers.choose(entry.header);
  const char* kind = entry.kind == Entry::Kind::connection ? "co" : "en";
  if (format == 4) return xml_line(kind, pieces, header);
  if (format >= 5) return json_line(kind, pieces, header);
  return text_lines(pieces, header, format);
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
  return marked_time(wall_milliseconds).substr(0, 10);
}

}  // namespace waxwing::mta::mail_log
