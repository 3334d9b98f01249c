// imsimta circuitcheck: the figures of circuits, and sending a message of one now.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "common/base/path.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/config/config.h"
#include "common/daemon/instance_journal.h"
#include "common/mail/date.h"
#include "mta/circuit/ledger.h"
#include "mta/config/mta_config.h"
#include "tools/imsimta/command.h"
#include "tools/imsimta/json.h"
#include "tools/service/run_program.h"

namespace waxwing::imsimta {

using mta::circuit::Figures;
using mta::circuit::Ledger;
using mta::circuit::Record;

namespace {

constexpr const char* kUsage = "circuitcheck [-json] | -clear [name ...] | name ...";

struct Row {
  const mta::Circuit& circuit;
  Record record;
  // Those whose time is over count as lost, before the next round of circuitcheck -send says so.
  std::uint64_t overdue = 0;

  std::uint64_t outstanding() const { return record.waiting().size() - overdue; }
  std::uint64_t lost() const { return record.figures().lost + overdue; }
};

std::string seconds(std::int64_t milliseconds) {
  return fmt::format("{:.1f} s", static_cast<double>(milliseconds) / 1000);
}

std::string bins_of(const Record& record) {
  std::string text;
  for (std::size_t i = 0; i < record.divisions().size(); ++i)
    text += fmt::format("  {} s: {}", record.divisions()[i], record.bins()[i]);
  return text + fmt::format("  more: {}", record.bins().back());
}

void print(const Row& row) {
  const auto& figures = row.record.figures();
  const bool none = figures.returned == 0;
  fmt::print("{:<20} {:>8} {:>8} {:>11} {:>6} {:>10} {:>6} {:>10} {:>10}\n", row.circuit.name, figures.sent,
             figures.returned, row.outstanding(), row.lost(), figures.duplicates, figures.unsent,
             none ? "-" : seconds(figures.last),
             none ? "-" : seconds(figures.total / static_cast<std::int64_t>(figures.returned)));
  if (!none && !row.record.bins().empty()) fmt::print("    back within{}\n", bins_of(row.record));
}

void print_json(const Row& row) {
  const auto number = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  const auto& figures = row.record.figures();
  const auto& record = row.record;
  std::vector<JsonObject> bins;
  for (std::size_t i = 0; i < record.bins().size(); ++i) {
    auto& bin = bins.emplace_back();
    if (i < record.divisions().size()) bin.number("seconds", record.divisions()[i]);
    bin.number("count", number(record.bins()[i]));
  }
  JsonObject()
      .text("circuit", row.circuit.name)
      .text("to", row.circuit.address)
      .time("since", record.since_ms() / 1000)
      .number("sent", number(figures.sent))
      .number("returned", number(figures.returned))
      .number("outstanding", number(row.outstanding()))
      .number("lost", number(row.lost()))
      .number("duplicates", number(figures.duplicates))
      .number("unsent", number(figures.unsent))
      .time("last_sent", figures.last_sent_ms / 1000)
      .time("last_returned", figures.last_returned_ms / 1000)
      .number("last_ms", figures.last)
      .number("shortest_ms", figures.shortest)
      .number("longest_ms", figures.longest)
      .number("total_ms", figures.total)
      .list("bins", bins)
      .print();
}

Result<int> show(const Context& context, const mta::MtaConfig& config, bool json) {
  const Ledger ledger(context.root);
  if (!json)
    fmt::print("{:<20} {:>8} {:>8} {:>11} {:>6} {:>10} {:>6} {:>10} {:>10}\n", "Circuit", "Sent", "Returned",
               "Outstanding", "Lost", "Duplicates", "Unsent", "Last", "Mean");
  for (const auto& circuit : config.circuits()) {
    TRY(auto record, ledger.read(circuit.name));
    const auto overdue = record.overdue(wall_ms(), circuit.expires_seconds);
    const Row row{circuit, std::move(record), overdue};
    json ? print_json(row) : print(row);
  }
  return 0;
}

Result<> check_names(const mta::MtaConfig& config, const std::vector<std::string>& names) {
  for (const auto& name : names)
    if (config.circuit(name) == nullptr)
      return permanent("there is no circuit \"" + printable(name, 60) +
                       "\" in circuitcheck.cnf, as imsimta cnbuild published it last");
  return {};
}

Result<int> clear(const Context& context, const mta::MtaConfig& config,
                  const std::vector<std::string>& names) {
  TRY(const auto options, Config::load(context.root));
  TRY_VOID(open_instance_journal_until_exit(*options));
  const Ledger ledger(context.root);
  const auto now = wall_ms();
  for (const auto& circuit : config.circuits()) {
    if (!names.empty() && std::ranges::find(names, circuit.name) == names.end()) continue;
    TRY_VOID(ledger.change(circuit.name, now, [&](Record& record) { record.clear(now); }));
    fmt::print("{} begins anew\n", circuit.name);
  }
  return 0;
}

// By the program that does so at intervals: it is the one that may submit.
Result<int> send(const Context& context, const std::vector<std::string>& names) {
  std::vector<std::string> command{program_directory() + "/circuitcheck", "--instance", context.root,
                                   "-send"};
  command.insert(command.end(), names.begin(), names.end());
  TRY(const auto ended, waxwing::run_program(command, true));
  std::fwrite(ended.output.data(), 1, ended.output.size(), ended.status == 0 ? stdout : stderr);
  return ended.status;
}

}  // namespace

Result<int> run_circuitcheck(const Context& context, Arguments arguments) {
  const bool json = arguments.take("json"), clears = arguments.take("clear");
  std::vector<std::string> names;
  for (auto name = arguments.take_word(); !name.empty(); name = arguments.take_word())
    names.push_back(to_lower(name));
  TRY_VOID(arguments.finish(kUsage));
  if (json && (clears || !names.empty())) return permanent("usage: imsimta " + std::string(kUsage));
  TRY(const auto config, mta::MtaConfig::load(context.root));
  if (config->circuits().empty())
    return permanent("config/circuitcheck.cnf names no circuit, or imsimta cnbuild has not published it yet");
  TRY_VOID(check_names(*config, names));
  if (clears) return clear(context, *config, names);
  if (!names.empty()) return send(context, names);
  return show(context, *config, json);
}

}  // namespace waxwing::imsimta
