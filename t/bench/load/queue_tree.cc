// A queue of many messages, and what it costs to schedule them. Neither speaks to a server.
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "common/base/file.h"
#include "common/base/random.h"
#include "common/base/time.h"
#include "job_controller/schedule.h"
#include "mta/queue/envelope.h"
#include "t/bench/load/mail.h"
#include "t/bench/load/run.h"
#include "t/bench/load/workloads.h"

namespace waxwing::bench {

namespace {
constexpr const char* kChannel = "tcp_local";
constexpr int kBuckets = 100;

void check(const Result<>& outcome) {
  if (!outcome) throw std::runtime_error(outcome.error().text);
}

// As the queue writer makes it, but not synced: nothing is promised about this message.
void write_queue_file(const std::string& queue, const Options& options, std::int64_t number) {
  mta::queue::Envelope envelope;
  envelope.queue_id = unique_id();
  envelope.channel = kChannel;
  envelope.sender = "sender@load.test";
  envelope.source_channel = "tcp_intranet";
  envelope.arrival_ms = wall_ms();
  mta::queue::Recipient recipient;
  recipient.host = fmt::format("host{}.load.test", number % options.number("users"));
  recipient.address = fmt::format("user{}@{}", number, recipient.host);
  envelope.recipients.push_back(std::move(recipient));
  const mta::queue::FileName name{.channel = kChannel,
                                  .bucket = fmt::format("{:03}", number % kBuckets),
                                  .id = envelope.queue_id,
                                  .copy = "00"};
  auto file = open_file(queue + "/" + name.relative(), O_WRONLY | O_CREAT | O_EXCL);
  if (!file) throw std::runtime_error(file.error().text);
  spool::MessageFileWriter writer(file->get());
  check(writer.write(make_message(number, static_cast<std::size_t>(options.number("size")), "you")));
  check(writer.seal(spool::Kind::queue, mta::queue::to_records(envelope), 1, mta::queue::slot_bytes_for(1)));
}
}  // namespace

void queue_tree(const Options& options) {
  if (options.text("root").empty()) throw std::runtime_error("this workload writes below root=");
  const auto queue = options.text("root") + "/queue";
  for (int i = 0; i < kBuckets; ++i) check(make_directories(fmt::format("{}/{}/{:03}", queue, kChannel, i)));
  auto run = run_threads(options, [&](int, Supply& supply, Tally& tally) {
    for (std::int64_t number = 0; supply.next(number);) {
      const auto begun = Clock::now();
      write_queue_file(queue, options, number);
      tally.add(static_cast<float>(ms_since(begun)));
    }
  });
  fmt::print("{}\n", report(options, run, "files/s"));
}

namespace {
mta::queue::ScheduleEntry entry_of(std::int64_t number, std::int64_t hosts, std::int64_t now_ms) {
  mta::queue::ScheduleEntry entry;
  entry.name.channel = kChannel;
  entry.name.bucket = fmt::format("{:03}", number % kBuckets);
  entry.name.id = unique_id();
  entry.name.copy = "00";
  entry.size_bytes = 4096;
  entry.arrival_ms = now_ms;
  entry.hosts.push_back({.host = fmt::format("host{}.load.test", number % hosts), .recipients = 1});
  return entry;
}
}  // namespace

void schedule_cost(const Options& options) {
  const auto count = options.number("count"), hosts = options.number("users");
  const auto now = wall_ms();
  job_controller::Schedule schedule([](const std::string&) { return mta::queue::ChannelPolicy(); },
                                    [](const mta::queue::FileName&, unsigned) {});
  std::vector<mta::queue::ScheduleEntry> entries;
  for (std::int64_t n = 0; n < count; ++n) entries.push_back(entry_of(n, hosts, now));
  const auto before = ::mallinfo2();
  auto begun = Clock::now();
  for (const auto& entry : entries) schedule.add(entry, now);
  const auto add_ms = ms_since(begun);
  const auto after = ::mallinfo2();
  begun = Clock::now();
  std::int64_t served = 0;
  // Half is delivered at once; the other half fails once, waits, and is delivered then.
  for (auto at = now; at <= now + 7200'000; at += 3600'000) {
    schedule.tick(at);
    while (const auto unit = schedule.take(kChannel, 0, at)) {
      if (at == now && ++served % 2 == 0)
        schedule.deferred(unit->unit, {}, at);
      else
        schedule.done(unit->unit);
    }
  }
  const auto serve_ms = ms_since(begun);
  const auto each = static_cast<double>(count);
  fmt::print(R"({{"workload":"schedule","messages":{},"hosts":{},"add_us":{:.3f},"serve_us":{:.3f},)"
             R"("bytes_per_message":{:.0f},"left":{}}})"
             "\n",
             count, hosts, add_ms * 1000 / each, serve_ms * 1000 / each,
             static_cast<double>(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / each,
             schedule.size());
}

}  // namespace waxwing::bench
