// What an operator is shown of files that nobody can deliver.
#include "mta/queue/damaged.h"

#include <sys/stat.h>

#include <map>

#include "t/unit/bad_disk.h"
#include "t/unit/queue/scratch.h"

using namespace waxwing;
using namespace waxwing::mta::queue;
using namespace waxwing::test;

namespace {

using State = DamagedFile::State;

std::map<std::string, DamagedFile> damaged(const ScratchQueue& scratch, const std::string& channel = "",
                                           bool messages_too = false) {
  std::map<std::string, DamagedFile> found;
  REQUIRE(find_damaged(*scratch.queue, channel, messages_too,
                       [&](const DamagedFile& file) { found[file.path] = file; }));
  return found;
}

void cut(const std::string& path) {
  const auto whole = read_file(path).value();
  REQUIRE(replace_file(path, std::string_view(whole).substr(0, whole.size() - 1)));
}

void change_text(const std::string& path) {
  auto whole = read_file(path).value();
  whole[whole.find("The body")] = '?';
  REQUIRE(replace_file(path, whole));
}

}  // namespace

TEST_CASE("the name of a file that was set aside tells where it was") {
  for (const char* home : {"tcp_local/042/ZZ01JABC.00", "tcp_a_b/000/YC01JABC.100.HELD", "x/099/AA0.01"}) {
    const auto name = FileName::parse(home).value();
    CHECK(name.aside().find('/') == std::string::npos);
    CHECK(FileName::parse_aside(name.aside()).value().relative() == home);
  }
  for (const char* other : {"", "_", "__", "core", "tcp_local_042_note.txt", "tcp_local_ZZ01JABC.00"})
    CHECK_FALSE(FileName::parse_aside(other));
}

TEST_CASE("a queue without damage, and one that is not there, has nothing to show") {
  ScratchQueue scratch;
  CHECK(damaged(scratch).empty());
  enqueue(scratch, {make_envelope("tcp_local", {"a@x"})});
  REQUIRE(scratch.queue->set_stopped("tcp_local", true));
  REQUIRE(make_directories(scratch.root + "/queue/lost+found"));
  CHECK(damaged(scratch, "", true).empty());
  CHECK(count_set_aside(*scratch.queue).value() == 0);
  REQUIRE(remove_tree(scratch.root + "/queue"));
  CHECK(damaged(scratch).empty());
}

TEST_CASE("what is set aside is shown with what can be read of it") {
  ScratchQueue scratch;
  const auto short_one = enqueue(scratch, {make_envelope("tcp_local", {"a@x"})})[0];
  const auto changed = enqueue(scratch, {make_envelope("tcp_local", {"b@x", "c@x"})})[0];
  const auto whole = enqueue(scratch, {make_envelope("ims-ms", {"d@x"})})[0];
  cut(scratch.queue->path_of(short_one));
  change_text(scratch.queue->path_of(changed));
  for (const auto& name : {short_one, changed, whole}) scratch.queue->set_aside(name, "test");
  CHECK(count_set_aside(*scratch.queue).value() == 3);
  auto found = damaged(scratch);
  REQUIRE(found.size() == 3);
  const auto& first = found[scratch.queue->aside_folder() + "/" + short_one.aside()];
  CHECK(first.state == State::aside);
  CHECK(first.home == short_one.relative());
  CHECK(first.channel == "tcp_local");
  CHECK(first.since > 0);
  CHECK(first.bytes > 0);
  CHECK_FALSE(first.why.empty());
  CHECK_FALSE(first.envelope);
  const auto& second = found[scratch.queue->aside_folder() + "/" + changed.aside()];
  CHECK(second.why.find("checksum") != std::string::npos);
  REQUIRE(second.envelope);
  CHECK(second.envelope->recipients.size() == 2);
  CHECK(found[scratch.queue->aside_folder() + "/" + whole.aside()].why.empty());
  CHECK(damaged(scratch, "ims-ms").size() == 1);
  CHECK(damaged(scratch, "hold").empty());
}

TEST_CASE("what nobody reads where it is is shown too: held, strange names, no file at all") {
  ScratchQueue scratch;
  auto envelope = make_envelope("tcp_local", {"a@x"});
  envelope.held_reason = "test";
  const auto held = enqueue(scratch, {envelope})[0];
  const auto changed = enqueue(scratch, {make_envelope("tcp_local", {"b@x"})})[0];
  cut(scratch.queue->path_of(held));
  change_text(scratch.queue->path_of(changed));
  const auto top = scratch.root + "/queue/";
  REQUIRE(replace_file(top + "tcp_local/" + held.bucket + "/notes.txt", "x"));
  REQUIRE(replace_file(top + "tcp_local/notes", "x"));
  REQUIRE(replace_file(top + "tcp_local/777", "x"));
  REQUIRE(replace_file(top + "No Channel", "x"));
  REQUIRE(replace_file(top + "notes", "x"));
  REQUIRE(::symlink("/nowhere", (top + "tcp_local/" + held.bucket + "/ZZ01JABC.00").c_str()) == 0);
  auto found = damaged(scratch);
  CHECK(found.size() == 7);
  CHECK(found[top + "tcp_local/777"].state == State::strange);
  CHECK(found[top + "notes"].state == State::strange);
  CHECK(found[scratch.queue->path_of(held)].state == State::unreadable);
  CHECK(found[scratch.queue->path_of(held)].since > 0);
  CHECK(found[top + "tcp_local/" + held.bucket + "/notes.txt"].state == State::strange);
  CHECK(found[top + "tcp_local/notes"].channel == "tcp_local");
  CHECK(found[top + "No Channel"].state == State::strange);
  CHECK(found[top + "tcp_local/" + held.bucket + "/ZZ01JABC.00"].state == State::unreadable);
  found = damaged(scratch, "tcp_local", true);
  CHECK(found.size() == 6);
  CHECK(found[scratch.queue->path_of(changed)].why.find("checksum") != std::string::npos);
}

TEST_CASE("what the disk refuses while the queue is looked at is shown, or said") {
  ScratchQueue scratch;
  const auto good = enqueue(scratch, {make_envelope("ims-ms", {"d@x"})})[0];
  const auto bad = enqueue(scratch, {make_envelope("tcp_local", {"a@x"})})[0];
  cut(scratch.queue->path_of(bad));
  scratch.queue->set_aside(bad, "test");
  for (long n = 1;; ++n) {
    bool refused_told = false, aside_told = false;
    Result<> outcome;
    std::string site;
    {
      const BadDisk disk(scratch.root, n, EIO);
      outcome = find_damaged(*scratch.queue, "", true, [&](const DamagedFile& file) {
        aside_told = aside_told || file.state == State::aside;
        refused_told = refused_told || file.why.find("Input/output error") != std::string::npos;
      });
      if (!BadDisk::failed()) break;
      site = BadDisk::site();
    }
    INFO(site);
    // A size that is not known hides nothing.
    CHECK((!outcome || refused_told || site.find("stat") != std::string::npos));
    CHECK((!outcome || aside_told));
  }
  CHECK(Reader::open(*scratch.queue, good));
}
