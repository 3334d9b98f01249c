// $[IMTA_LIB:check_metermaid.so,routine,table,key...]
#include "mta/policy/detail/routines.h"

#include "common/base/strings.h"
#include "common/directory/would_block.h"
#include "mta/policy/meter.h"

namespace waxwing::mta {

namespace {

// The piece behind the last comma, taken off. Values and tests have none, keys may: strangers choose them.
std::string_view take_last(std::string_view& argument) {
  const auto comma = argument.rfind(',');
  const auto last = comma == argument.npos ? std::string_view() : argument.substr(comma + 1);
  argument = argument.substr(0, comma == argument.npos ? argument.size() : comma);
  return trim(last);
}

std::optional<Record> question(const Lookup& lookup, const char* verb, std::string_view table_and_key,
                               std::int64_t amount = 1) {
  Record record(verb);
  record.set("table", trim(take_until(table_and_key, ',')));
  record.set("key", table_and_key).set("amount", amount);
  return ask_meter(lookup.config.root(), record);
}

std::unexpected<Error> badly_written(const char* form) {
  return permanent(std::string("a mapping calls check_metermaid.so otherwise than as ") + form);
}

// "+3", "-1", "7".
std::optional<std::int64_t> number_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  return to_number<std::int64_t>(text);
}

using Answer = RoutineAnswer;
const std::optional<std::string> kYes = "", kNo;

Answer yes_if(bool yes) {
  return yes ? kYes : kNo;
}

Answer limited(const Lookup& lookup, std::string_view argument) {
  const auto answer = question(lookup, "count", argument);
  return yes_if(answer && answer->number("limited") != 0);
}

Answer would_be_limited(const Lookup& lookup, std::string_view argument) {
  const auto answer = question(lookup, "query", argument);
  return yes_if(answer && answer->number("limited") != 0);
}

Answer fetch(const Lookup& lookup, std::string_view argument) {
  const auto answer = question(lookup, "fetch", argument);
  if (!answer || answer->number("known") == 0) return kNo;
  return std::string(answer->get("count"));
}

Answer forget(const Lookup& lookup, std::string_view argument) {
  return yes_if(question(lookup, "remove", argument).has_value());
}

Answer change(const Lookup& lookup, const char* verb, std::string_view argument, const char* form) {
  const auto amount = number_of(take_last(argument));
  if (!amount) return badly_written(form);
  return yes_if(question(lookup, verb, argument, *amount).has_value());
}
Answer store(const Lookup& lookup, std::string_view argument) {
  return change(lookup, "store", argument, "store,table,key,number");
}
Answer adjust(const Lookup& lookup, std::string_view argument) {
  return change(lookup, "adjust", argument, "adjust,table,key,number");
}

struct Test {
  std::string_view sign;
  bool (*holds)(std::int64_t, std::int64_t);
};
constexpr Test kTests[] = {
    {">=", [](std::int64_t a, std::int64_t b) { return a >= b; }},
    {"<=", [](std::int64_t a, std::int64_t b) { return a <= b; }},
    {"=", [](std::int64_t a, std::int64_t b) { return a == b; }},
    {">", [](std::int64_t a, std::int64_t b) { return a > b; }},
    {"<", [](std::int64_t a, std::int64_t b) { return a < b; }},
};

// ">10". Nothing: it is no test.
std::optional<bool> holds(std::int64_t count, std::string_view expression) {
  for (const auto& test : kTests)
    if (expression.starts_with(test.sign)) {
      const auto bound = number_of(trim(expression.substr(test.sign.size())));
      return bound ? std::optional(test.holds(count, *bound)) : std::nullopt;
    }
  return std::nullopt;
}

Answer test(const Lookup& lookup, std::string_view argument) {
  const auto expression = take_last(argument);
  if (!holds(0, expression)) return badly_written("test,table,key,>number (or >=, <, <=, =)");
  const auto answer = question(lookup, "fetch", argument);
  return yes_if(answer && *holds(answer->number("count"), expression));
}

Answer adjust_and_test(const Lookup& lookup, std::string_view argument) {
  const auto expression = take_last(argument);
  const auto amount = number_of(take_last(argument));
  if (!amount || !holds(0, expression)) return badly_written("adjust_and_test,table,key,number,>number");
  const auto answer = question(lookup, "adjust", argument, *amount);
  return yes_if(answer && *holds(answer->number("count"), expression));
}

// It counts: done once, on a worker.
template <Answer (*routine)(const Lookup&, std::string_view)>
Answer on_worker(const Lookup& lookup, std::string_view argument) {
  if (lookup.ask == Ask::cache_only) return std::unexpected(directory::would_block());
  return routine(lookup, argument);
}

struct Row {
  const char* name;
  BuiltInRoutine routine;
};
constexpr Row kRoutines[] = {
    {"throttle", on_worker<limited>},
    {"greylisting", on_worker<limited>},
    {"query", on_worker<would_be_limited>},
    {"fetch", on_worker<fetch>},
    {"remove", on_worker<forget>},
    {"store", on_worker<store>},
    {"adjust", on_worker<adjust>},
    {"test", on_worker<test>},
    {"adjust_and_test", on_worker<adjust_and_test>},
};

}  // namespace

void add_meter_routines() {
  for (const auto& row : kRoutines)
    add_built_in_routine(std::string("check_metermaid.so,") + row.name, row.routine);
}

}  // namespace waxwing::mta
