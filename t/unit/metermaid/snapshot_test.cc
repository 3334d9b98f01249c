#include "metermaid/snapshot.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace waxwing::metermaid;

namespace {
constexpr std::int64_t kNow = 1'000'000'000'000;

Tables two_tables() {
  Tables tables;
  tables.emplace("t", Table({.max_entries = 3}));
  tables.emplace("surge", Table({.type = TableRules::Type::usual_use, .quota = 3}));
  return tables;
}

struct Folder {
  Folder() {
    char name[] = "/tmp/waxwing-metermaid-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};
}  // namespace

TEST_CASE("tables as text") {
  auto tables = two_tables(), again = two_tables(), none = two_tables();
  tables.at("t").count("a b\n|", 2, kNow);
  tables.at("surge").count("joe", 9, kNow);
  tables.at("surge").count("", 3, kNow);
  const auto text = encode_tables(tables);
  REQUIRE(decode_tables(text, again)->damaged_lines == 0);
  CHECK(again.at("t").find("a b\n|", kNow)->count == 2);
  CHECK(again.at("surge").find("joe", kNow)->told);
  CHECK(again.at("surge").find("", kNow)->count == 3);
  CHECK(encode_tables(again) == text);
  CHECK_FALSE(decode_tables("waxwing-metermaid 2\n", none));
  CHECK_FALSE(decode_tables("\n", none));
  CHECK(decode_tables("", none)->damaged_lines == 0);
  // Cut anywhere, one bit changed anywhere: at most the lines concerned are lost, nothing is made up.
  for (std::size_t at = 20; at < text.size(); ++at) {
    INFO(at);
    auto cut = two_tables(), flipped = two_tables();
    REQUIRE(decode_tables(text.substr(0, at), cut));
    auto bad = text;
    bad[at] = static_cast<char>(bad[at] ^ 4);
    REQUIRE(decode_tables(bad, flipped)->damaged_lines > 0);
    for (auto* each : {&cut, &flipped})
      for (const auto& [name, table] : *each)
        for (const auto& entry : table.entries())
          CHECK(entry.count == tables.at(name).find(entry.key, kNow)->count);
  }
}

namespace {
bool save(Snapshot& snapshot, Tables& tables) {
  const auto portion = snapshot.take(tables);
  const bool written = snapshot.write(portion).has_value();
  snapshot.note(portion, written);
  return written;
}
}  // namespace

TEST_CASE("a file to which changes are added") {
  const Folder folder;
  const auto path = folder.path + "/tables";
  auto tables = two_tables();
  Snapshot snapshot(path);
  REQUIRE(snapshot.load(tables));
  for (const auto* key : {"a", "b", "c", "d"}) tables.at("t").count(key, 1, kNow);
  REQUIRE(save(snapshot, tables));
  const auto before = std::filesystem::file_size(path);
  REQUIRE(save(snapshot, tables));
  CHECK(std::filesystem::file_size(path) == before);
  tables.at("t").count("b", 1, kNow);
  tables.at("t").remove("c");
  REQUIRE(save(snapshot, tables));
  CHECK(std::filesystem::file_size(path) < before + 100);

  auto again = two_tables();
  Snapshot second(path);
  REQUIRE(second.load(again)->damaged_lines == 0);
  CHECK(again.at("t").look("a") == nullptr);
  CHECK(again.at("t").look("b")->count == 2);
  CHECK(again.at("t").look("c") == nullptr);
  CHECK(again.at("t").entries().back().key == "b");
  CHECK(encode_changes(again).empty());

  // What cannot be added to, because it is gone, is written anew.
  std::filesystem::remove(path);
  again.at("t").count("e", 1, kNow);
  REQUIRE_FALSE(save(second, again));
  REQUIRE(save(second, again));
  auto third = two_tables();
  REQUIRE(Snapshot(path).load(third));
  CHECK(third.at("t").entries().size() == 3);

  // Other tables than were taken from before: all of them, in place of what was there.
  Tables others;
  others.emplace("s", Table({})).first->second.store("x", 1, kNow);
  third.swap(others);
  auto portion = second.take(again);  // a portion is on its way meanwhile
  second.begin_anew();
  second.note(portion, true);
  portion = second.take(third);
  CHECK(portion.whole);
  CHECK(portion.text == encode_tables(third));

  std::ofstream(path, std::ios::app) << "t 61 1 1 99";  // torn
  auto fourth = two_tables();
  CHECK(Snapshot(path).load(fourth)->damaged_lines == 1);
  CHECK(fourth.at("t").look("a") == nullptr);
  std::ofstream(path) << "something else";
  CHECK_FALSE(Snapshot(path).load(fourth));
}
