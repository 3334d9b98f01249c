#include "tools/imsimta/trace_events.h"

#include <algorithm>
#include <deque>
#include <fstream>
#include <functional>

#include "common/base/file.h"
#include "common/base/strings.h"

namespace waxwing::imsimta {

namespace {

constexpr int kMostGenerations = 8;
constexpr std::size_t kMostIds = 10000;

// "daemon.log" and "daemon.log.3": not mail.log, which has another form.
bool is_event_log(const std::string& name) {
  if (name.starts_with("mail.log") || name.starts_with("connection.log")) return false;
  const auto at = name.find(".log");
  return at != std::string::npos && (at + 4 == name.size() || name[at + 4] == '.');
}

Result<> each_line(const std::string& folder, const std::function<void(std::string_view)>& look) {
  TRY(const auto names, list_directory(folder));
  for (const auto& name : names) {
    if (!is_event_log(name)) continue;
    std::ifstream file(folder + "/" + name);
    for (std::string line; std::getline(file, line);) look(line);
  }
  return {};
}

// The value of " qid=" in a line, without taking the rest apart. Ids need no quotes, and what stands in quotes is
// what strangers wrote.
std::string_view quick_field(std::string_view line, std::string_view name_and_equals) {
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quoted && line[i] == '\\')
      ++i;
    else if (line[i] == '"')
      quoted = !quoted;
    else if (!quoted && line[i] == ' ' && line.substr(i).starts_with(name_and_equals))
      return line.substr(i + name_and_equals.size(), line.find(' ', i + 1) - i - name_and_equals.size());
  }
  return {};
}

// "\"a b\"" with \\, \" and \x0a in it; text becomes what follows.
std::string take_value(std::string_view& text) {
  if (text.empty() || text[0] != '"') return std::string(take_until(text, ' '));
  std::string value;
  std::size_t i = 1;
  for (; i < text.size() && text[i] != '"'; ++i) {
    if (text[i] != '\\' || i + 1 >= text.size()) {
      value += text[i];
    } else if (text[i + 1] == 'x' && i + 3 < text.size()) {
      value += from_hex(text.substr(i + 2, 2)).value_or("?");
      i += 3;
    } else {
      value += text[++i];
    }
  }
  text.remove_prefix(std::min(i + 1, text.size()));
  if (!text.empty()) text.remove_prefix(1);
  return value;
}

bool names_address(const LoggedEvent& event, std::string_view address) {
  for (const auto& [name, value] : event.fields) {
    if (name != "from" && name != "to" && name != "orcpt" && name != "rcpt") continue;
    for (const auto piece : split(value, ','))
      if (iequals(piece, address) || (istarts_with(piece, "rfc822;") && iequals(piece.substr(7), address)))
        return true;
  }
  return false;
}

bool belongs(std::string_view line, const TraceIds& ids) {
  const auto message = quick_field(line, " qid=");
  if (!message.empty())
    return ids.messages.contains(message) || ids.messages.contains(quick_field(line, " as="));
  const auto session = quick_field(line, " sid=");
  return !session.empty() && ids.sessions.contains(session);
}

}  // namespace

std::string_view LoggedEvent::field(std::string_view wanted) const {
  for (const auto& [field_name, value] : fields)
    if (field_name == wanted) return value;
  return {};
}

bool parse_event(std::string_view line, LoggedEvent& event) {
  event = {};
  event.time = take_until(line, ' ');
  const auto program = take_until(line, ' ');
  event.program = program.substr(0, program.find('['));
  event.level = take_until(line, ' ');
  event.name = take_until(line, ' ');
  if (event.time.size() < 20 || event.time[10] != 'T' || event.name.empty()) return false;
  while (!line.empty()) {
    const std::string name(take_until(line, '='));
    if (name.empty() || name.find(' ') != name.npos) break;
    event.fields.emplace_back(name, take_value(line));
  }
  return true;
}

Result<TraceIds> find_messages(const std::string& folder, std::string_view address, std::size_t most) {
  std::vector<std::pair<std::string, std::string>> found;  // time, id
  LoggedEvent event;
  TRY_VOID(each_line(folder, [&](std::string_view line) {
    const auto id = quick_field(line, " qid=");
    if (id.empty() || ifind(line, address) == line.npos) return;
    if (parse_event(line, event) && (names_address(event, address) || event.field("sid") == address))
      found.emplace_back(event.time, id);
  }));
  std::ranges::sort(found, std::greater<>());
  TraceIds ids;
  for (const auto& [time, id] : found) {
    if (ids.messages.size() >= most) break;
    ids.messages.insert(id);
  }
  return ids;
}

Result<std::vector<LoggedEvent>> follow(const std::string& folder, TraceIds& ids) {
  std::vector<LoggedEvent> events;
  for (int generation = 0; generation < kMostGenerations; ++generation) {
    const auto before = ids.size();
    events.clear();
    LoggedEvent event;
    TRY_VOID(each_line(folder, [&](std::string_view line) {
      if (!belongs(line, ids) || !parse_event(line, event)) return;
      if (const auto child = event.field("as"); !child.empty() && ids.size() < kMostIds)
        ids.messages.emplace(child);
      if (const auto session = event.field("sid"); !session.empty() && ids.size() < kMostIds)
        ids.sessions.emplace(session);
      events.push_back(std::move(event));
    }));
    if (ids.size() == before) break;
  }
  std::ranges::stable_sort(events, {}, &LoggedEvent::time);
  return events;
}

}  // namespace waxwing::imsimta
