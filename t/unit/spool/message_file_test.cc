#include "common/spool/message_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <string>

#include "common/base/random.h"
#include "common/base/strings.h"

using namespace waxwing;
using namespace waxwing::spool;

namespace {

struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/waxwing-spool-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { (void)remove_tree(path); }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
};

Records sample_records() {
  Records inside;
  inside.add(Tag::address, "b@example.test").add(Tag::notify, "FAILURE,DELAY").add(Tag::host, "example.test");
  Records records;
  records.add_number(Tag::arrival_ms, 1795000000123)
      .add(Tag::email_id, "M0123456789")
      .add(Tag::sender, "a@example.test")
      .add_number(Tag::priority, 1)
      .add(Tag::recipient, inside.encode());
  return records;
}

const std::string kMessage = "From: a@example.test\r\nSubject: x\r\n\r\nHello\r\n";

std::string write_sample(const Folder& folder, const std::string& name) {
  auto fd = open_file(folder / name, O_RDWR | O_CREAT | O_TRUNC);
  REQUIRE(fd);
  MessageFileWriter writer(fd->get());
  for (const char c : kMessage) REQUIRE(writer.write(std::string_view(&c, 1)));
  REQUIRE(writer.seal(Kind::queue, sample_records(), 1, 64));
  return folder / name;
}

void put_file(const std::string& path, std::string_view bytes) {
  auto fd = open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
  REQUIRE(fd);
  REQUIRE(write_all(fd->get(), bytes));
}

// Version 1, byte for byte: what is on somebody's disk today must be readable for ever.
const char* const kGolden =
#include "t/unit/spool/golden_v1.inc"
    ;

}  // namespace

TEST_CASE("a sealed message file reads back") {
  Folder folder;
  const auto file = MessageFile::open(write_sample(folder, "a"));
  REQUIRE(file);
  CHECK(file->message_size() == kMessage.size());
  CHECK(file->kind() == Kind::queue);
  CHECK(file->read_message(0, 10000).value() == kMessage);
  CHECK(file->read_message(6, 14).value() == "a@example.test");
  CHECK(file->read_message(kMessage.size(), 5).value().empty());
  CHECK(file->verify_message());
  CHECK(file->records().number(Tag::arrival_ms) == 1795000000123);
  CHECK(file->records().text(Tag::email_id) == "M0123456789");
  const auto inside = Records::decode(file->records().text(Tag::recipient));
  REQUIRE(inside);
  CHECK(inside->text(Tag::address) == "b@example.test");
  CHECK(dump(*file).find("address: b@example.test") != std::string::npos);
}

TEST_CASE("the golden file of version 1 is what is written and what is read") {
  Folder folder;
  const auto golden = from_base64(kGolden);
  REQUIRE(golden);
  CHECK(to_base64(read_file(write_sample(folder, "new")).value()) == kGolden);
  put_file(folder / "golden", *golden);
  const auto file = MessageFile::open(folder / "golden");
  REQUIRE(file);
  CHECK(file->read_message(0, 1000).value() == kMessage);
  CHECK(file->verify_message());
  CHECK(file->records().text(Tag::sender) == "a@example.test");
}

TEST_CASE("a message file cut at any point is refused") {
  Folder folder;
  const auto whole = read_file(write_sample(folder, "whole")).value();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    put_file(folder / "cut", std::string_view(whole).substr(0, size));
    const auto file = MessageFile::open(folder / "cut");
    INFO("cut at " << size);
    REQUIRE_FALSE(file);
    CHECK(file.error().fault == Fault::permanent);
    CHECK(file.error().text.find("cut") != std::string::npos);
  }
}

TEST_CASE("every changed byte is noticed, except in the slots") {
  Folder folder;
  const auto whole = read_file(write_sample(folder, "whole")).value();
  const auto records = sample_records().encode().size();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    auto bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x21);
    put_file(folder / "bad", bytes);
    const auto file = MessageFile::open(folder / "bad");
    INFO("changed byte " << at);
    const bool in_message = at < kMessage.size();
    const bool in_slots = at >= kMessage.size() + records && at < whole.size() - kFooterBytes;
    CHECK(file.has_value() == (in_message || in_slots));
    if (file) CHECK(file->verify_message().has_value() == in_slots);
  }
}

TEST_CASE("an unknown version is named") {
  Folder folder;
  auto bytes = read_file(write_sample(folder, "whole")).value();
  bytes[bytes.size() - 16] = 9;
  put_file(folder / "v9", bytes);
  const auto file = MessageFile::open(folder / "v9");
  REQUIRE_FALSE(file);
  CHECK(file.error().text.find("version 9") != std::string::npos);
}

TEST_CASE("slots change in place and only their own bytes") {
  Folder folder;
  const auto path = folder / "slots";
  auto fd = open_file(path, O_RDWR | O_CREAT);
  MessageFileWriter writer(fd->get());
  REQUIRE(writer.write(kMessage));
  REQUIRE(writer.seal(Kind::queue, sample_records(), 3, 16));
  auto file = MessageFile::open(path, true);
  REQUIRE(file);
  REQUIRE(file->write_slot(1, "DONE"));
  CHECK_FALSE(file->write_slot(3, "x"));
  CHECK_FALSE(file->write_slot(0, std::string(17, 'x')));
  const auto again = MessageFile::open(path);
  REQUIRE(again);
  const auto slots = again->read_slots(0, again->slot_count()).value();
  CHECK(slots == std::string(16, '\0') + "DONE" + std::string(28, '\0'));
  CHECK(again->verify_message());
}

TEST_CASE("one message is sealed again with another envelope") {
  Folder folder;
  auto first = open_file(folder / "1", O_RDWR | O_CREAT);
  auto second = open_file(folder / "2", O_RDWR | O_CREAT);
  MessageFileWriter writer(first->get());
  const std::string large(300'000, 'x');
  REQUIRE(writer.write(large));
  REQUIRE(writer.write("end\r\n"));
  CHECK_FALSE(writer.copy_sealed(second->get(), Kind::queue, Records()));
  REQUIRE(writer.seal(Kind::queue, sample_records()));
  CHECK_FALSE(writer.write("more"));
  REQUIRE(writer.copy_sealed(second->get(), Kind::queue, Records().add(Tag::sender, "other"), 2, 16));
  const auto copy = MessageFile::open(folder / "2");
  REQUIRE(copy);
  CHECK(copy->verify_message());
  CHECK(copy->message_size() == large.size() + 5);
  CHECK(copy->records().text(Tag::sender) == "other");
  CHECK(copy->slot_count() == 2);
}

TEST_CASE("records with hostile lengths are refused, unknown tags are kept") {
  CHECK(Records::decode("").value().items().empty());
  CHECK_FALSE(Records::decode("\x01"));
  CHECK_FALSE(Records::decode(std::string("\x01\x00\x00\x00\xff\xff\xff\xff", 8)));
  CHECK_FALSE(Records::decode(std::string("\x01\x00\x01\x00\x00\x00\x00\x00", 8)));
  const auto odd = Records::decode(std::string("\x77\x77\x00\x00\x01\x00\x00\x00z", 9));
  REQUIRE(odd);
  CHECK(odd->items().size() == 1);
  CHECK(tag_name(0x7777) == "tag-0x7777");
  const auto whole = sample_records().encode();
  for (std::size_t n = 0; n < whole.size(); ++n) (void)Records::decode(whole.substr(0, n));
}

TEST_CASE("a large envelope behind a large message is read") {
  Folder folder;
  auto fd = open_file(folder / "big", O_RDWR | O_CREAT);
  MessageFileWriter writer(fd->get());
  REQUIRE(writer.write(kMessage));
  Records records;
  for (int i = 0; i < 5000; ++i) records.add(Tag::recipient, "recipient-" + std::to_string(i));
  REQUIRE(writer.seal(Kind::store, records, 5000, 16));
  const auto file = MessageFile::open(folder / "big");
  REQUIRE(file);
  CHECK(file->records().all(Tag::recipient).size() == 5000);
  CHECK(file->read_slots(0, file->slot_count()).value().size() == 80000);
}
