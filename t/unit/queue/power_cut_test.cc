// The states that a power cut may leave of the queue, and what becomes of them: see queue.h.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "t/unit/queue/scratch.h"

using namespace waxwing;
using namespace waxwing::mta::queue;
using namespace waxwing::test;

namespace {

FileName with_attempts(FileName name, unsigned attempts) {
  name.attempts = attempts;
  return name;
}
FileName as_held(FileName name) {
  name.held = true;
  return name;
}

enum class Bytes { whole, short_of_end, zero_in_the_middle };

void put(const ScratchQueue& scratch, const FileName& name, std::string bytes, Bytes state) {
  if (state == Bytes::short_of_end) bytes.resize(bytes.size() - 10);
  if (state == Bytes::zero_in_the_middle) bytes.replace(4, 8, 8, '\0');
  REQUIRE(replace_file(scratch.queue->path_of(name), bytes));
}

std::vector<std::string> listed(const ScratchQueue& scratch, const FileName& name) {
  std::vector<std::string> relative;
  for (const auto& kept :
       scratch.queue->without_twins(scratch.queue->list_bucket(name.channel, name.bucket).value()))
    relative.push_back(kept.relative());
  return relative;
}

}  // namespace

TEST_CASE("of two names of one message the one that is whole and older stays") {
  struct Row {
    bool held;  // the younger name is a held one, else one of a later attempt
    Bytes older, younger;
    bool older_stays;
  };
  const Row rows[] = {
      {false, Bytes::whole, Bytes::whole, true},
      {false, Bytes::whole, Bytes::short_of_end, true},
      {false, Bytes::whole, Bytes::zero_in_the_middle, true},
      {false, Bytes::zero_in_the_middle, Bytes::whole, false},
      {true, Bytes::whole, Bytes::whole, true},
      {true, Bytes::short_of_end, Bytes::whole, false},
  };
  for (const auto& row : rows) {
    ScratchQueue scratch;
    const auto older = enqueue(scratch, {make_envelope("tcp_local", {"a@x"})})[0];
    const auto other = enqueue(scratch, {make_envelope("tcp_local", {"b@x"})})[0];
    const auto younger = row.held ? as_held(older) : with_attempts(older, 1);
    const auto bytes = read_file(scratch.queue->path_of(older)).value();
    put(scratch, younger, bytes, row.younger);
    put(scratch, older, bytes, row.older);
    const auto& stays = row.older_stays ? older : younger;
    const auto kept = listed(scratch, older);
    CHECK(std::ranges::count(kept, stays.relative()) == 1);
    CHECK(std::ranges::count(kept, (row.older_stays ? younger : older).relative()) == 0);
    CHECK(file_exists(scratch.queue->path_of(stays)));
    CHECK_FALSE(file_exists(scratch.queue->path_of(row.older_stays ? younger : older)));
    CHECK(file_exists(scratch.queue->path_of(other)));
    CHECK(listed(scratch, older) == kept);
  }
}

TEST_CASE("two names of which none is whole are left for who reads them; a rename that goes on is no twin") {
  ScratchQueue scratch;
  const auto name = enqueue(scratch, {make_envelope("tcp_local", {"a@x"})})[0];
  const auto bytes = read_file(scratch.queue->path_of(name)).value();
  put(scratch, with_attempts(name, 1), bytes, Bytes::short_of_end);
  put(scratch, name, bytes, Bytes::short_of_end);
  CHECK(listed(scratch, name).size() == 2);

  put(scratch, name, bytes, Bytes::whole);
  auto names = scratch.queue->list_bucket(name.channel, name.bucket).value();
  REQUIRE(names.size() == 2);
  REQUIRE(::unlink(scratch.queue->path_of(with_attempts(name, 1)).c_str()) == 0);
  CHECK(scratch.queue->without_twins(names).size() == 2);
  CHECK(file_exists(scratch.queue->path_of(name)));
}

TEST_CASE("of two names of one file the younger stays, unless the rename goes on") {
  ScratchQueue scratch;
  const auto older = enqueue(scratch, {make_envelope("tcp_local", {"a@x"})})[0];
  auto younger = with_attempts(older, 2);
  SECTION("tried again") {}
  SECTION("held") {
    younger = older;
    younger.held = true;
  }
  REQUIRE(::link(scratch.queue->path_of(older).c_str(), scratch.queue->path_of(younger).c_str()) == 0);
  {
    const auto renamer = open_file(scratch.queue->path_of(older), O_RDONLY);
    REQUIRE(::flock(renamer->get(), LOCK_EX) == 0);
    CHECK(listed(scratch, older).size() == 2);
    CHECK(file_exists(scratch.queue->path_of(older)));
    CHECK(file_exists(scratch.queue->path_of(younger)));
  }
  CHECK(listed(scratch, older) == std::vector<std::string>{younger.relative()});
  CHECK_FALSE(file_exists(scratch.queue->path_of(older)));
  CHECK(file_exists(scratch.queue->path_of(younger)));
}

TEST_CASE("copies of one message in one channel are no twins") {
  ScratchQueue scratch;
  const auto names =
      enqueue(scratch, {make_envelope("tcp_local", {"a@x"}), make_envelope("tcp_local", {"b@x"})});
  CHECK(listed(scratch, names[0]).size() == 2);
}

TEST_CASE("a file whose envelope is on the disk and whose text is not is found out before it is delivered") {
  ScratchQueue scratch;
  const auto name = enqueue(scratch, {make_envelope("tcp_local", {"a@x"})})[0];
  put(scratch, name, read_file(scratch.queue->path_of(name)).value(), Bytes::zero_in_the_middle);
  const auto reader = Reader::open(*scratch.queue, name);
  REQUIRE(reader);
  const auto whole = reader->verify_message();
  REQUIRE_FALSE(whole);
  CHECK(whole.error().fault == Fault::permanent);
}

TEST_CASE("the range of a mark has the bytes of the file, and its footer as the condition") {
  ScratchQueue scratch;
  const auto name = enqueue(scratch, {make_envelope("tcp_local", {"a@x", "b@x", "c@x"})})[0];
  auto reader = Reader::open(*scratch.queue, name);
  REQUIRE(reader);
  CHECK(reader->sync_marks().empty());
  const Progress progress{.status = Status::delivered, .attempts = 2, .last_text = "2.0.0 ok"};
  REQUIRE(reader->mark(1, progress));
  auto slot = encode_progress(progress, reader->file().slot_bytes());
  slot.resize(reader->file().slot_bytes());
  const auto range = reader->file().slot_range(1, slot);
  std::string image;
  range.image(image);
  const auto bytes = read_file(range.path).value();
  CHECK(bytes.substr(range.offset, image.size()) == image);
  CHECK(bytes.substr(range.guard_offset) == range.guard);
  CHECK_FALSE(range.guard.empty());
  CHECK_FALSE(reader->sync_marks().empty());
  CHECK(reader->sync_marks().empty());
}
