#include "common/net/byte_budget.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace waxwing;

namespace {

struct Table {
  EventLoop loop;
  ByteBudget budget{100};
  std::string order;
  std::vector<ByteBudget::Share> held;
  int going = 0;
};

Task<void> guest(Table& table, char name, std::uint64_t bytes) {
  ++table.going;
  auto share = co_await table.budget.take(bytes);
  table.order += name;
  CHECK(share.bytes() <= 100);
  table.held.push_back(std::move(share));
  --table.going;
}

Task<void> serve(Table& table) {
  spawn(guest(table, 'a', 60));
  spawn(guest(table, 'b', 30));
  CHECK(table.order == "ab");
  spawn(guest(table, 'c', 1000));  // all there is
  spawn(guest(table, 'd', 5));     // would fit, and waits behind it
  spawn(guest(table, 'e', 96));
  CHECK(table.order == "ab");
  for (const char* so_far : {"abc", "abcd", "abcde"}) {
    table.held.clear();
    while (table.order != so_far) co_await table.loop.sleep(1);
  }
  spawn(guest(table, 'f', 5));
  spawn(guest(table, 'g', 95));
  CHECK(table.order == "abcde");  // 4 are free
  table.held.clear();
  while (table.order != "abcdefg") co_await table.loop.sleep(1);
  table.held.clear();
  spawn(guest(table, 'h', 100));
  CHECK(table.order == "abcdefgh");
  table.held.clear();
  CHECK(table.going == 0);
  table.loop.stop();
}

}  // namespace

TEST_CASE("who wants more bytes than are free waits, in turn, and one that wants too many gets all") {
  Table table;
  table.loop.post([&] { spawn(serve(table)); });
  table.loop.run();
}
