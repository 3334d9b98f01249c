// A small instance with a journal, for the tests of it. Each life of a process is a child: a journal is
// opened once a process.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>

#include "common/base/durable.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/base/journal_reader.h"
#include "common/base/random.h"

namespace waxwing {

// For contents of a log that is made by hand: read at a time that no checkpoint has noted.
constexpr std::uint64_t kLater = std::uint64_t{1} << 62;

struct JournalScratch {
  std::string root = "/tmp/waxwing-journal-" + unique_id();
  std::uint64_t segment_bytes = 1 << 20;
  unsigned segments = 4;
  JournalScratch() { std::filesystem::create_directories(root + "/run"), directory("data"); }
  ~JournalScratch() {
    arm_failpoints("");
    std::filesystem::remove_all(root);
  }
  std::string path(const std::string& name) const { return root + "/data/" + name; }
  void directory(const std::string& name) const { std::filesystem::create_directories(root + "/" + name); }
  std::string read(const std::string& name) const { return read_file(path(name)).value_or("(none)"); }
  void write(const std::string& name, std::string_view bytes) const {
    std::filesystem::remove(path(name));
    auto fd = open_file(path(name), O_CREAT | O_WRONLY | O_TRUNC);
    (void)write_all(fd->get(), bytes);
  }

  durable::JournalSettings settings() const {
    durable::JournalSettings settings;
    settings.root = root;
    settings.directory = root + "/journal";
    settings.control = root + "/run/journal";
    settings.segment_bytes = segment_bytes;
    settings.segments = segments;
    return settings;
  }
  Result<> open() const {
    TRY_VOID(durable::covers(root + "/data"));
    return durable::open_journal(settings());
  }
  // A file under its final name, by way of a temporary one.
  Result<> publish(const std::string& name, std::string_view bytes) const {
    TRY(auto fd, open_file(path(name) + ".tmp", O_CREAT | O_RDWR | O_TRUNC));
    TRY_VOID(write_all(fd.get(), bytes));
    durable::Batch batch;
    batch.content(fd.get(), path(name)).rename(path(name) + ".tmp", path(name));
    return durable::commit(std::move(batch));
  }
  Result<> change(const std::string& name, std::uint64_t offset, const std::string& bytes,
                  const std::string& guard = "") const {
    TRY(auto fd, open_file(path(name), O_RDWR));
    TRY_VOID(write_at(fd.get(), offset, bytes));
    durable::Batch batch;
    batch.range({path(name), fd.get(), offset, [&](std::string& image) { image += bytes; }, 0, guard});
    return durable::commit(std::move(batch));
  }

  // Runs one life of a process; 0 when work answered true.
  static int life(const std::function<bool()>& work) { return finish(begin(work)); }
  static pid_t begin(const std::function<bool()>& work) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(work() ? 0 : 1);
    return child;
  }
  static int finish(pid_t child) {
    int status = 0;
    if (::waitpid(child, &status, 0) != child) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  // The system was started anew: what processes shared is gone. The disk is up to the test.
  void power_cut() const { std::filesystem::remove(root + "/run/journal"); }
  // And the disk lost what it may lose: the bytes of every file that no checkpoint has passed.
  void power_cut_with_loss() const {
    const auto checkpoint = durable::load_checkpoint(root + "/journal");
    durable::SegmentFiles files(root + "/journal", (*checkpoint)->segment_bytes);
    durable::JournalReader reader(files);
    reader.start((*checkpoint)->lsn, (*checkpoint)->chain);
    for (auto record = reader.next(); record && *record; record = reader.next())
      if ((*record)->type == durable::RecordType::content) {
        auto fd = open_file(root + "/" + std::string((*record)->path), O_WRONLY | O_TRUNC);
        if (fd) (void)write_all(fd->get(), "torn");
      }
    power_cut();
  }
  // First opening after the cut: replays.
  int restart() const {
    return life([&] { return open().has_value(); });
  }
  // The same, and what the journal reports: a line each, name and fields.
  std::string reports_of_restart() const {
    const auto path = root + "/reports";
    REQUIRE(life([&] {
              auto settings = this->settings();
              settings.report = [&](const char* name, const durable::JournalSettings::Fields& fields, bool) {
                std::string line = name;
                for (const auto& [field, value] : fields) line += " " + std::string(field) + "=" + value;
                const auto fd = open_file(path, O_CREAT | O_WRONLY | O_APPEND);
                (void)write_all(fd->get(), line + "\n");
              };
              return durable::covers(root + "/data") &&
                     durable::open_journal(std::move(settings)).has_value();
            }) == 0);
    return read_file(path).value_or("");
  }
};

}  // namespace waxwing
