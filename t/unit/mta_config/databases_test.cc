#include "mta/config/databases.h"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "mta/config/database_text.h"

using namespace waxwing;
using namespace waxwing::mta;

namespace {

constexpr auto kMayBlock = directory::Ask::may_block, kCacheOnly = directory::Ask::cache_only;

const DatabaseEntries kEntries{{"Sales", "one"}, {"b", "two words"}, {"sales", "three"}, {"\xc3\xa9", ""}};

std::string values(const DatabaseImage& image, std::string_view key) {
  const auto found = image.find(key);
  if (!found) return "error " + found.error().text;
  std::string text;
  for (const auto value : *found) text += "[" + std::string(value) + "]";
  return text;
}

// kEntries, made at second 1000000000: version 1 as it was first written. It must be readable for ever.
constexpr std::string_view kGoldenV1 =
#include "t/unit/mta_config/database_golden_v1.inc"
    ;

}  // namespace

TEST_CASE("a database answers case-blind, several values in their order") {
  const auto bytes = *encode_database(kEntries, 1'000'000'000);
  const auto image = DatabaseImage::open(bytes);
  REQUIRE(image);
  CHECK(image->size() == 4);
  CHECK(image->made_seconds() == 1'000'000'000);
  CHECK(values(*image, "SALES") == "[one][three]");
  CHECK(values(*image, "b") == "[two words]");
  CHECK(values(*image, "\xc3\xa9") == "[]");
  CHECK(values(*image, "c") == "");
  CHECK(values(*image, "") == "");
  CHECK(values(*image, std::string(2000, 'x')) == "");
  CHECK(image->all()->at(0) == std::pair<std::string, std::string>("sales", "one"));
  CHECK(image->all()->size() == 4);
}

TEST_CASE("the golden file of version 1") {
  const auto golden = *from_base64(kGoldenV1);
  CHECK(*encode_database(kEntries, 1'000'000'000) == golden);
  CHECK(values(*DatabaseImage::open(golden), "sales") == "[one][three]");
}

TEST_CASE("an empty database is one") {
  const auto bytes = *encode_database({}, 0);
  const auto image = DatabaseImage::open(bytes);
  REQUIRE(image);
  CHECK(values(*image, "x") == "");
}

TEST_CASE("ten thousand keys are all found, and those that are not there are not") {
  DatabaseEntries entries;
  for (int i = 0; i < 10000; ++i) entries.emplace_back("key" + std::to_string(i), std::to_string(i));
  const auto bytes = *encode_database(entries, 0);
  const auto image = *DatabaseImage::open(bytes);
  for (int i = 0; i < 10000; ++i) {
    REQUIRE(values(image, "key" + std::to_string(i)) == "[" + std::to_string(i) + "]");
    REQUIRE(values(image, "yek" + std::to_string(i)).empty());
  }
}

TEST_CASE("whichever byte is damaged or missing: an error or the right answer, never another one") {
  const auto good = *encode_database(kEntries, 1'000'000'000);
  const auto try_bytes = [](const std::string& bytes) {
    const auto image = DatabaseImage::open(bytes);
    if (!image) return std::string("error");
    return values(*image, "sales").substr(0, 5) == "error" ? "error" : values(*image, "sales");
  };
  for (std::size_t at = 0; at < good.size(); ++at) {
    auto bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x41);
    const auto answer = try_bytes(bad);
    INFO(at);
    CHECK((answer == "error" || answer == "[one][three]"));
    const auto image = DatabaseImage::open(bad);
    CHECK((!image || !image->all()));  // a dump of all sees every damage
    CHECK(try_bytes(good.substr(0, at)) == "error");
  }
  CHECK(try_bytes(good + "x") == "error");
}

TEST_CASE("another version is refused with what to do") {
  auto bytes = *encode_database(kEntries, 0);
  bytes[8] = 2;
  CHECK(DatabaseImage::open(bytes).error().text.find("version 2") != std::string::npos);
  CHECK(DatabaseImage::open("hello").error().text.find("crdb") != std::string::npos);
}

TEST_CASE("database texts: keys, quotes, colons, duplicates, errors") {
  const auto text = "! a comment\n\na.x   $U%b\n\"two words\"  v w \r\nsales: s@x\nA.X other\nalone\n";
  auto plain = parse_database_text(text, "f");
  CHECK(plain.lines == 5);
  CHECK(plain.entries == DatabaseEntries{{"a.x", "$U%b"}, {"\"two", "words\"  v w"}, {"sales:", "s@x"}});
  CHECK(plain.duplicates == std::vector<std::string>{"f:6: \"A.X\" is there already; the first one holds"});
  CHECK(plain.errors ==
        std::vector<std::string>{"f:7: \"alone\" stands for nothing; write a key, blanks, and its value"});
  auto all = parse_database_text(text, "f", {true, true, true, true});
  CHECK(all.entries ==
        DatabaseEntries{{"a.x", "$U%b"}, {"two words", "v w"}, {"sales", "s@x"}, {"A.X", "other"}});
  CHECK(parse_database_text("\"open v\n", "f", {true}).errors ==
        std::vector<std::string>{"f:1: a quote is not closed"});
  CHECK(parse_database_text("k " + std::string(70000, 'v'), "f").errors.size() == 1);
}

TEST_CASE("what is written as text is read back") {
  const DatabaseEntries entries{
      {"plain", "v"}, {"two words", "a b"}, {"q\"\\uote", "$x"}, {"!bang", "y"}, {"\rcr", "z"}};
  CHECK(parse_database_text(write_database_text(entries), "f", {true, true, false, true}).entries == entries);
}

namespace {

// An instance with a general database of 1000 keys k0 to k999, each standing for `value`.
struct WithGeneral {
  const std::string root = "/tmp/waxwing-databases-file-" + std::to_string(::getpid());
  const std::string path = database_path(root, database_spec(DatabaseId::general));
  explicit WithGeneral(const std::string& value) { publish(value); }
  ~WithGeneral() { CHECK(remove_tree(root)); }
  static std::string image(const std::string& value) {
    DatabaseEntries entries;
    for (int i = 0; i < 1000; ++i) entries.emplace_back("k" + std::to_string(i), value);
    return *encode_database(entries, 7);
  }
  void publish(const std::string& value) const { REQUIRE(publish_database(path, image(value))); }
  // As cp does: into the file that is there.
  void write_into(const std::string& bytes) const {
    const auto file = open_file(path, O_WRONLY | O_TRUNC);
    REQUIRE(file);
    REQUIRE(::write(file->get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
};

std::string ask(const Databases& databases, std::string_view key, directory::Ask ask = kMayBlock) {
  const auto values = databases.find(DatabaseId::general, key, ask);
  if (!values) return directory::is_would_block(values.error()) ? "later" : "error " + values.error().text;
  return values->empty() ? "none" : values->front();
}

}  // namespace

TEST_CASE("a database is read by the first look-up that may wait, not when it is loaded nor on a loop") {
  const WithGeneral box("v");
  auto bytes = WithGeneral::image("v");
  bytes[bytes.size() - 5] ^= 1;  // in the slots
  REQUIRE(publish_database(box.path, bytes));
  const auto damaged = Databases::load(box.root, {}, 0);
  REQUIRE(damaged);
  CHECK(ask(*damaged, "k1").find("general.db: the database is damaged") != std::string::npos);
  CHECK_FALSE(damaged->check());
  box.publish("v");
  const auto loaded = Databases::load(box.root, {}, 0);
  REQUIRE(loaded);
  CHECK(loaded->has(DatabaseId::general));
  CHECK(ask(*loaded, "k1", kCacheOnly) == "later");
  CHECK(ask(*loaded, "k1") == "v");
  CHECK(ask(*loaded, "k1", kCacheOnly) == "v");
  CHECK(ask(*loaded, "none", kCacheOnly) == "none");
}

TEST_CASE("a database that somebody cuts short in place fails look-ups for a time, and ends nobody") {
  const WithGeneral box(std::string(100, 'v'));
  const auto loaded = Databases::load(box.root, {}, 0);
  REQUIRE(loaded);
  const auto unread = Databases::load(box.root, {}, 0);
  CHECK(ask(*loaded, "k999") == std::string(100, 'v'));
  for (const off_t bytes : {off_t{0}, off_t{100}, off_t{5000}}) {
    REQUIRE(::truncate(box.path.c_str(), bytes) == 0);
    CHECK(ask(*loaded, "k999", kCacheOnly) == "later");
    CHECK(ask(*loaded, "k999").starts_with("error " + box.path));
    CHECK(ask(*unread, "k1").starts_with("error " + box.path));
    CHECK(loaded->find(DatabaseId::general, "k1", kMayBlock).error().fault == Fault::temporary);
  }
  CHECK(Databases::load(box.root, {}, 0).error().text.find("general.db") != std::string::npos);
  // It is whole again: no reload is needed.
  box.write_into(WithGeneral::image("w"));
  CHECK(ask(*loaded, "k999") == "w");
  CHECK(ask(*unread, "k999") == "w");
}

TEST_CASE("a database that is written over with another never answers with a mixture") {
  const WithGeneral box("v");
  const auto loaded = Databases::load(box.root, {}, 0);
  REQUIRE(loaded);
  CHECK(ask(*loaded, "k1") == "v");
  box.write_into(WithGeneral::image("w"));  // of the same size
  CHECK(ask(*loaded, "k1") == "w");
  box.write_into(WithGeneral::image("longer"));
  CHECK(ask(*loaded, "k1") == "longer");
  box.write_into(std::string(WithGeneral::image("longer").size(), 'x'));
  CHECK(ask(*loaded, "k1").starts_with("error "));
}

TEST_CASE("databases of an instance: one that is damaged is refused by its name") {
  const std::string root = "/tmp/waxwing-databases-" + std::to_string(::getpid());
  const auto path = database_path(root, database_spec(DatabaseId::general));
  REQUIRE(publish_database(path, *encode_database({{"k", "v"}}, 7)));
  SourceSet sources;
  auto loaded = Databases::load(root, sources, 0);
  REQUIRE(loaded);
  CHECK(loaded->has(DatabaseId::general));
  CHECK_FALSE(loaded->has(DatabaseId::reverse));
  CHECK(loaded->find(DatabaseId::general, "K", kMayBlock)->at(0) == "v");
  // A new one is another, made in the same second too; what was loaded stays.
  REQUIRE(publish_database(path, *encode_database({{"k", "w"}}, 7)));
  const auto second = Databases::load(root, sources, 0);
  CHECK(second->id() != loaded->id());
  CHECK(loaded->find(DatabaseId::general, "k", kMayBlock)->at(0) == "v");
  CHECK(second->find(DatabaseId::general, "k", kMayBlock)->at(0) == "w");
  // A text in its place.
  sources.set_file("general.txt", "k  text\n");
  CHECK(Databases::load(root, sources, 1)->find(DatabaseId::general, "k", kMayBlock)->at(0) == "text");
  sources.set_file("general.txt", "k  text\nk\n");
  CHECK(Databases::load(root, sources, 1).error().text.starts_with("general.txt:2: "));
  REQUIRE(replace_file(path, "short"));
  CHECK(Databases::load(root, sources, 0).error().text.find("general.db") != std::string::npos);
  CHECK(remove_tree(root));
}
