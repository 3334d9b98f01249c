// imsimta metermaid: what MeterMaid has counted, for a key or of those with most, and forgetting a key.
#include <fmt/format.h>

#include "common/base/strings.h"
#include "common/mail/date.h"
#include "common/net/seqpacket.h"
#include "tools/imsimta/command.h"
#include "tools/imsimta/json.h"

namespace waxwing::imsimta {

namespace {

constexpr const char* kUsage = "metermaid [-remove] table key | metermaid [-top=n] [-json] table";
constexpr std::size_t kTop = 20;

Result<Record> ask_metermaid(const Context& context, const Record& question) {
  auto answer = ask(context.root + "/run/metermaid", question);
  if (!answer) return wrap(std::move(answer.error()), "metermaid cannot be asked; is it running?");
  if (answer->is("error")) return permanent(std::string(answer->get("text")));
  return answer;
}

struct Listed {
  std::int64_t count = 0, limit = 0, usual = 0, seen_s = 0;
  bool limited = false;
  std::string key;
};

Listed parse_entry(std::string_view text) {
  const auto number = [&] { return to_number<std::int64_t>(take_until(text, ' ')).value_or(0); };
  Listed listed;
  listed.count = number();
  listed.limit = number();
  listed.usual = (number() + 50) / 100;
  listed.limited = number() != 0;
  listed.seen_s = number() / 1000;
  listed.key = text;
  return listed;
}

Result<int> list(const Context& context, const std::string& table, std::size_t top, bool json) {
  TRY(const auto answer,
      ask_metermaid(context,
                    Record("list").set("table", table).set("amount", static_cast<std::int64_t>(top))));
  if (!json) fmt::print("{:>9} {:>9} {:>9} {:<17} {}\n", "count", "limit", "usual", "last", "key");
  for (const auto text : answer.all("entry")) {
    const auto listed = parse_entry(text);
    if (json)
      JsonObject()
          .text("table", table)
          .text("key", listed.key)
          .number("count", listed.count)
          .number("limit", listed.limit)
          .number("usual", listed.usual)
          .flag("limited", listed.limited)
          .time("last", listed.seen_s)
          .print();
    else
      fmt::print(
          "{:>9} {:>9} {:>9} {:<17} {}{}\n", listed.count, listed.limit, listed.usual,
          mail::format_internal_date(listed.seen_s, mail::local_zone_minutes(listed.seen_s)).substr(0, 17),
          printable(listed.key, 512), listed.limited ? "  limited" : "");
  }
  if (!json) fmt::print("{} keys in table {}\n", answer.number("keys"), table);
  return 0;
}

}  // namespace

Result<int> run_metermaid(const Context& context, Arguments arguments) {
  const bool remove = arguments.take("remove"), json = arguments.take("json");
  std::string top_text;
  arguments.take("top", &top_text);
  const auto table = to_lower(arguments.take_word()), key = arguments.take_word();
  TRY_VOID(arguments.finish(kUsage));
  const auto top = top_text.empty() ? kTop : to_number<std::size_t>(top_text).value_or(0);
  if (table.empty() || top == 0 || (key.empty() && remove))
    return permanent("usage: imsimta " + std::string(kUsage));
  if (key.empty()) return list(context, table, top, json);
  Record question(remove ? "remove" : "fetch");
  question.set("table", table).set("key", key);
  TRY(const auto answer, ask_metermaid(context, question));
  if (answer.number("known") == 0) {
    fmt::print("{} has no {}\n", table, printable(key));
    return 1;
  }
  if (remove)
    fmt::print("{} is forgotten\n", printable(key));
  else
    fmt::print("{} {} {}\n", table, printable(key), answer.number("count"));
  return 0;
}

}  // namespace waxwing::imsimta
