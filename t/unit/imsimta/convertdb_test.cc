// A database of Berkeley DB becomes one of ours.
#include <db_cxx.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "common/base/file.h"
#include "common/base/random.h"
#include "mta/config/databases.h"
#include "tools/imsimta/command.h"

using namespace waxwing;
using namespace waxwing::imsimta;

namespace {

struct Instance {
  const std::string root = "/tmp/waxwing convertdb " + unique_id();
  const std::string old = root + "/old.db";
  Instance() { std::filesystem::create_directories(root); }
  ~Instance() { std::filesystem::remove_all(root); }

  void make_old(std::initializer_list<std::pair<std::string, std::string>> entries, DBTYPE type) const {
    Db database(nullptr, DB_CXX_NO_EXCEPTIONS);
    if (type == DB_BTREE) database.set_flags(DB_DUP);
    REQUIRE(database.open(nullptr, old.c_str(), nullptr, type, DB_CREATE, 0600) == 0);
    for (auto [key, value] : entries) {
      Dbt k(key.data(), static_cast<u_int32_t>(key.size())),
          v(value.data(), static_cast<u_int32_t>(value.size()));
      REQUIRE(database.put(nullptr, &k, &v, 0) == 0);
    }
    REQUIRE(database.close(0) == 0);
  }
  Result<int> convert(const std::string& to) const { return run_convertdb({root}, Arguments({old, to})); }
};

}  // namespace

TEST_CASE("keys and values of a tree or a hash are taken over, several of one key too") {
  const Instance box;
  box.make_old({{"Sales", "one"}, {"Sales", "two"}, {std::string("c\0", 2), std::string("three\0", 6)}},
               DB_BTREE);
  REQUIRE(box.convert("IMTA_ALIAS_DATABASE"));
  const auto path = mta::database_path(box.root, mta::database_spec(mta::DatabaseId::alias));
  const auto bytes = *read_file(path);
  const auto image = *mta::DatabaseImage::open(bytes);
  CHECK(image.size() == 3);
  CHECK(*image.find("sales") == std::vector<std::string_view>{"one", "two"});
  CHECK(*image.find("c") == std::vector<std::string_view>{"three"});
}

TEST_CASE("what is no such database, and rules that are wrong, make nothing") {
  const Instance box;
  CHECK(box.convert("general").error().text.find("old.db") != std::string::npos);
  REQUIRE(replace_file(box.old, "hello, this is a text\n"));
  CHECK(box.convert("general").error().text.find("crdb reads texts") != std::string::npos);
  std::filesystem::remove(box.old);
  box.make_old({{"a.test", "$U%$"}}, DB_HASH);
  CHECK(box.convert("domain").error().text.find("a.test") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(box.root + "/db/domain.db"));
}
