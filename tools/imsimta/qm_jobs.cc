// qm jobs: the channel programs that the job controller has started, and what each of their deliveries does.
#include <fmt/format.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "tools/imsimta/json.h"
#include "tools/imsimta/qm.h"
#include "tools/imsimta/qm_rows.h"

namespace waxwing::imsimta {

using mta::queue::FileName;

namespace {

struct Delivery {
  FileName file;
  std::string host, step, peer;  // peer: empty where nobody is talked to
  std::int64_t begun = 0, since = 0;
};

struct JobRow {
  Record job;
  std::vector<Delivery> deliveries;
};

// "<file> <host> <ms since it began> <ms in this step> <step> <peer…>"
void add_delivery(std::string_view line, std::vector<Delivery>& deliveries) {
  auto file = FileName::parse(take_until(line, ' '));
  if (!file) return;
  Delivery delivery{.file = std::move(*file), .host = {}, .step = {}, .peer = {}};
  delivery.host = take_until(line, ' ');
  const auto now = wall_ms();
  delivery.begun = (now - to_number<std::int64_t>(take_until(line, ' ')).value_or(0)) / 1000;
  delivery.since = (now - to_number<std::int64_t>(take_until(line, ' ')).value_or(0)) / 1000;
  delivery.step = take_until(line, ' ');
  delivery.peer = line;
  deliveries.push_back(std::move(delivery));
}

Result<std::vector<JobRow>> job_rows(const Context& context, const std::string& channel) {
  std::vector<JobRow> rows;
  TRY_VOID(ask_controller(context, Record("jobs").set("channel", channel), [&](const Record& row) {
    if (!row.has("of")) return rows.push_back({row, {}});
    if (rows.empty() || rows.back().job.number("pid") != row.number("of")) return;
    for (const auto line : row.all("delivery")) add_delivery(line, rows.back().deliveries);
  }));
  // What hangs stands first.
  for (auto& row : rows) std::ranges::stable_sort(row.deliveries, {}, &Delivery::since);
  return rows;
}

void print_json(const JobRow& row) {
  std::vector<JsonObject> deliveries;
  for (const auto& delivery : row.deliveries)
    deliveries.push_back(JsonObject()
                             .text("file", delivery.file.relative())
                             .text("id", delivery.file.id)
                             .text("host", delivery.host)
                             .text("peer", delivery.peer)
                             .text("step", delivery.step)
                             .time("step_since", delivery.since)
                             .time("begun", delivery.begun));
  JsonObject()
      .text("channel", row.job.get("channel"))
      .text("program", row.job.get("program"))
      .number("pid", row.job.number("pid"))
      .text("state", row.job.get("state"))
      .number("in_hand", row.job.number("in_hand"))
      .number("served", row.job.number("served"))
      .time("since", row.job.number("started"))
      .list("deliveries", deliveries)
      .print();
}

void print_job(const JobRow& row) {
  const auto& job = row.job;
  print(fmt::format("{:<20} {:<18} {:>8} {:<9} {:>8} {:>9}  {}\n", job.get("channel"), job.get("program"),
                    job.number("pid"), job.get("state"), job.number("in_hand"), job.number("served"),
                    when(job.number("started"))));
  for (const auto& delivery : row.deliveries)
    print(fmt::format("    {:<26} {:<9} since {}  {}; begun {}\n", delivery.file.id, delivery.step,
                      when(delivery.since), delivery.peer.empty() ? delivery.host : delivery.peer,
                      when(delivery.begun)));
}

}  // namespace

Result<int> qm_jobs(const Context& context, Arguments arguments) {
  const bool json = arguments.take("json");
  const auto channel = to_lower(arguments.take_word());
  TRY_VOID(arguments.finish(qm_usage("jobs")));
  TRY(const auto rows, job_rows(context, channel));
  if (!json)
    print(fmt::format("{:<20} {:<18} {:>8} {:<9} {:>8} {:>9}  {}\n", "Channel", "Program", "Pid", "State",
                      "In hand", "Served", "Since"));
  for (const auto& row : rows) json ? print_json(row) : print_job(row);
  return 0;
}

}  // namespace waxwing::imsimta
