// What a durable commit costs, without any daemon: M processes of N threads each commit contents of 4 KB.
//
//   commits --processes M --threads N --seconds S --directory DIR [--size BYTES] [--keep] [--no-journal]
//
// Each commit is a file under a temporary name, a Batch of content and rename, and, unless --keep, the
// removal of the file afterwards, as a queue does it. One line of JSON: rate, CPU of all processes a commit
// (user and system), latencies, and what the disk under DIR did (/proc/diskstats: flushes, writes, bytes),
// all a commit.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "common/base/durable.h"
#include "common/base/file.h"
#include "common/base/strings.h"

using namespace waxwing;
using Clock = std::chrono::steady_clock;

namespace {
struct Options {
  unsigned processes = 2, threads = 10, seconds = 3;
  std::size_t size = 4096;
  std::string directory = "/tmp/waxwing-commits";
  bool keep = false, journal = true;
};

constexpr std::size_t kMostTimes = 1 << 20;

// Shared by all processes.
struct Board {
  std::atomic<std::uint64_t> commits, failures, count_of_times;
  std::atomic<std::uint64_t> user_us, system_us;
  std::uint32_t times_us[kMostTimes];
};

struct DiskUse {
  std::uint64_t writes = 0, sectors = 0, flushes = 0;
};

DiskUse disk_use(const std::string& directory) {
  struct stat status {};
  DiskUse use;
  if (::stat(directory.c_str(), &status) != 0) return use;
  std::ifstream stats("/proc/diskstats");
  for (std::string line; std::getline(stats, line);) {
    std::istringstream words(line);
    std::vector<std::string> fields;
    for (std::string word; words >> word;) fields.push_back(word);
    if (fields.size() < 20 || fields[0] != std::to_string(major(status.st_dev)) ||
        fields[1] != std::to_string(minor(status.st_dev)))
      continue;
    use = {std::stoull(fields[7]), std::stoull(fields[9]), std::stoull(fields[18])};
  }
  return use;
}

bool commit_one(const std::string& folder, const std::string& name, const std::string& bytes, bool keep) {
  const auto path = folder + "/" + name, temporary_path = folder + "/." + name;
  const auto fd = open_file(temporary_path, O_RDWR | O_CREAT | O_TRUNC);
  if (!fd || !write_all(fd->get(), bytes)) return false;
  durable::Batch batch;
  batch.content(fd->get(), path).rename(temporary_path, path);
  if (!durable::commit(std::move(batch))) return false;
  return keep || durable::remove(path);
}

void work(const Options& options, Board& board, const std::string& folder, Clock::time_point end) {
  const std::string bytes(options.size, 'm');
  for (unsigned n = 0; Clock::now() < end; ++n) {
    const auto before = Clock::now();
    (commit_one(folder, "m" + std::to_string(n), bytes, options.keep) ? board.commits : board.failures) += 1;
    const auto at = board.count_of_times++;
    if (at < kMostTimes)
      board.times_us[at] = static_cast<std::uint32_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - before).count());
  }
}

void run_process(const Options& options, Board& board, unsigned number) {
  if (options.journal) {
    durable::JournalSettings settings;
    settings.root = options.directory;
    settings.directory = options.directory + "/journal";
    settings.control = options.directory + "/run/journal";
    if (!durable::covers(options.directory + "/files") || !durable::open_journal(std::move(settings)))
      ::_exit(1);
  }
  const auto end = Clock::now() + std::chrono::seconds(options.seconds);
  std::vector<std::thread> threads;
  for (unsigned n = 0; n < options.threads; ++n) {
    const auto folder = fmt::format("{}/files/{}.{}", options.directory, number, n);
    (void)make_directories(folder);
    threads.emplace_back([&, folder] { work(options, board, folder, end); });
  }
  for (auto& thread : threads) thread.join();
  rusage use{};
  ::getrusage(RUSAGE_SELF, &use);
  const auto us = [](const timeval& time) {
    return static_cast<std::uint64_t>(time.tv_sec * 1000000 + time.tv_usec);
  };
  board.user_us += us(use.ru_utime);
  board.system_us += us(use.ru_stime);
  ::_exit(0);
}

void print(const Options& options, Board& board, const DiskUse& before, const DiskUse& after,
           double seconds) {
  const auto count = std::min<std::size_t>(board.count_of_times, kMostTimes);
  std::sort(board.times_us, board.times_us + count);
  const double commits = std::max<double>(1, static_cast<double>(board.commits));
  const auto share = [&](double of) {
    return count == 0 ? 0 : board.times_us[static_cast<std::size_t>(of * static_cast<double>(count - 1))];
  };
  fmt::print(
      "{{\"journal\": {}, \"processes\": {}, \"threads\": {}, \"bytes\": {}, \"kept\": {}, \"commits\": {}, "
      "\"failures\": {}, \"per_second\": {:.0f}, \"user_us\": {:.1f}, \"system_us\": {:.1f}, \"p50_us\": {}, "
      "\"p99_us\": {}, \"flushes\": {:.4f}, \"writes\": {:.3f}, \"written_bytes\": {:.0f}}}\n",
      options.journal, options.processes, options.threads, options.size, options.keep, board.commits.load(),
      board.failures.load(), commits / seconds, static_cast<double>(board.user_us) / commits,
      static_cast<double>(board.system_us) / commits, share(0.5), share(0.99),
      static_cast<double>(after.flushes - before.flushes) / commits,
      static_cast<double>(after.writes - before.writes) / commits,
      static_cast<double>(after.sectors - before.sectors) * 512 / commits);
}

bool parse(int argc, char** argv, Options& options) {
  for (int n = 1; n < argc; ++n) {
    const std::string_view word = argv[n];
    if (word == "--keep")
      options.keep = true;
    else if (word == "--no-journal")
      options.journal = false;
    else if (n + 1 >= argc)
      return false;
    else if (word == "--directory")
      options.directory = argv[++n];
    else if (word == "--processes")
      options.processes = to_number<unsigned>(argv[++n]).value_or(1);
    else if (word == "--threads")
      options.threads = to_number<unsigned>(argv[++n]).value_or(1);
    else if (word == "--seconds")
      options.seconds = to_number<unsigned>(argv[++n]).value_or(1);
    else if (word == "--size")
      options.size = to_number<std::size_t>(argv[++n]).value_or(4096);
    else
      return false;
  }
  return true;
}
}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fputs(
        "usage: commits [--processes M] [--threads N] [--seconds S] [--directory DIR] [--size BYTES] "
        "[--keep] [--no-journal]\n",
        stderr);
    return 2;
  }
  (void)remove_tree(options.directory);
  if (!make_directories(options.directory + "/run") || !make_directories(options.directory + "/files"))
    return 1;
  void* const shared =
      ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 1;
  auto& board = *new (shared) Board;
  ::sync();
  const auto before = disk_use(options.directory);
  const auto start = Clock::now();
  for (unsigned n = 0; n < options.processes; ++n)
    if (::fork() == 0) run_process(options, board, n);
  int status = 0, worst = 0;
  while (::wait(&status) > 0) worst |= status;
  const std::chrono::duration<double> took = Clock::now() - start;
  print(options, board, before, disk_use(options.directory), took.count());
  (void)remove_tree(options.directory);
  return worst == 0 ? 0 : 1;
}
