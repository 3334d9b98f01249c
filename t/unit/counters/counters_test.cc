#include "mta/counters/counters.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <thread>

#include "common/base/file.h"
#include "common/base/random.h"
#include "mta/counters/block.h"

using namespace waxwing;
using namespace waxwing::mta;
using counters::Count;

namespace {

struct Instance {
  const std::string root = "/tmp/waxwing counters " + unique_id();
  const std::string path = root + "/run/counters";
  Instance() { std::filesystem::create_directories(root + "/run"); }
  ~Instance() { std::filesystem::remove_all(root); }
  void add(const std::string& channel, Count count, std::uint64_t by = 1) const {
    counters::add(root, channel, {{count, by}});
  }
  std::uint64_t of(const std::string& channel, Count count) const {
    const auto snapshot = counters::read(root);
    if (!snapshot) return 999'999;
    const auto at = std::ranges::find(snapshot->channels, channel, &counters::ChannelCounts::channel);
    return at == snapshot->channels.end() ? 0 : at->of(count);
  }
};

}  // namespace

TEST_CASE("channels are counted apart, all numbers of an event together") {
  const Instance box;
  CHECK(counters::read(box.root).error().fault == Fault::temporary);
  counters::add(box.root, "tcp_local", {{Count::received_messages, 1}, {Count::received_recipients, 3}});
  counters::add(box.root, "tcp_local", {{Count::received_messages, 1}, {Count::received_recipients, 2}});
  box.add("native", Count::delivered_messages);
  CHECK(box.of("tcp_local", Count::received_messages) == 2);
  CHECK(box.of("tcp_local", Count::received_recipients) == 5);
  CHECK(box.of("native", Count::received_messages) == 0);
  CHECK(counters::read(box.root)->delivered_today == 1);
  CHECK(counters::read(box.root)->channels.size() == 2);
  counters::add("", "tcp_local", {{Count::received_messages, 1}});
  box.add("", Count::received_messages);
  box.add(std::string(100, 'x'), Count::received_messages);
  CHECK(counters::read(box.root)->channels.size() == 2);
}

TEST_CASE("threads and processes count into one file, and none is lost") {
  const Instance box;
  constexpr int kProcesses = 3, kThreads = 3, kTimes = 2000;
  pid_t children[kProcesses];
  for (auto& child : children) {
    child = ::fork();
    if (child != 0) continue;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < kTimes; ++i) box.add("c" + std::to_string(i % 7), Count::delivered_messages);
      });
    for (auto& thread : threads) thread.join();
    ::_exit(0);
  }
  for (const auto child : children) ::waitpid(child, nullptr, 0);
  std::uint64_t all = 0;
  for (int c = 0; c < 7; ++c) all += box.of("c" + std::to_string(c), Count::delivered_messages);
  CHECK(all == kProcesses * kThreads * kTimes);
  CHECK(counters::read(box.root)->delivered_today == all);
}

TEST_CASE("more channels than there is room for: those beyond are not counted") {
  const Instance box;
  for (std::size_t i = 0; i < counters::kSlots + 10; ++i)
    box.add("c" + std::to_string(i), Count::received_messages);
  CHECK(counters::read(box.root)->channels.size() == counters::kSlots);
  CHECK(box.of("c0", Count::received_messages) == 1);
}

TEST_CASE("cleared counts begin at zero, a removed file is made anew by those who go on counting") {
  const Instance box;
  box.add("native", Count::received_messages, 5);
  REQUIRE(counters::clear(box.root));
  CHECK(box.of("native", Count::received_messages) == 0);
  box.add("native", Count::received_messages);
  CHECK(box.of("native", Count::received_messages) == 1);
  REQUIRE(counters::remove(box.root));
  CHECK_FALSE(counters::read(box.root));
  REQUIRE(counters::create(box.root));
  REQUIRE(counters::create(box.root));
  const Instance elsewhere;  // looks at once, as everybody does after a second
  elsewhere.add("x", Count::received_messages);
  box.add("native", Count::received_messages);
  CHECK(box.of("native", Count::received_messages) == 1);
}

TEST_CASE("a file that is cut short or is another ends nobody") {
  const Instance box;
  box.add("native", Count::received_messages);
  REQUIRE(::truncate(box.path.c_str(), 0) == 0);
  box.add("native", Count::received_messages);
  CHECK(counters::read(box.root).error().text.find("counters -delete") != std::string::npos);
  REQUIRE(replace_file(box.path, std::string(counters::kFileBytes, 'x')));
  CHECK(counters::read(box.root).error().fault == Fault::permanent);
  const Instance elsewhere;
  elsewhere.add("x", Count::received_messages);
  box.add("native", Count::received_messages);
  CHECK_FALSE(counters::read(box.root));
}
