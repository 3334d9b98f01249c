#include <catch2/catch.hpp>

#include "channels/pipe_master/pipe_channel.h"
#include "channels/program/keeper.h"

using namespace waxwing;
using namespace waxwing::channels;

TEST_CASE("addresses of the pipe channel") {
  const auto good = parse_pipe_address("joe%archive@pipe-daemon");
  REQUIRE(good);
  CHECK(good->user == "joe");
  CHECK(good->method == "archive");
  CHECK(parse_pipe_address("joe@x.test%archive@pipe-daemon")->user == "joe@x.test");
  for (const char* bad :
       {"joe@pipe-daemon", "%archive@pipe-daemon", "joe%@pipe-daemon", "-rf%archive@pipe-daemon",
        "../joe%archive@pipe-daemon", "a b%archive@pipe-daemon", "a\nb%archive@pipe-daemon",
        ".%archive@pipe-daemon", "\xc3\xa4%archive@pipe-daemon", ""}) {
    INFO(bad);
    CHECK_FALSE(parse_pipe_address(bad));
  }
}

TEST_CASE("what becomes of a message by the way its program ended") {
  using Kind = PipeVerdict::Kind;
  ProgramOrder order;
  order.words = {"/bin/p"};
  struct Row {
    int status;
    Kind kind;
    const char* code;
  };
  for (const auto& row :
       {Row{0, Kind::delivered, "2.0.0"}, Row{75, Kind::deferred, "4.3.0"}, Row{67, Kind::failed, "5.1.1"},
        Row{77, Kind::failed, "5.7.1"}, Row{1, Kind::failed, "5.3.0"}, Row{137, Kind::deferred, "4.3.0"},
        Row{kKeeperLate, Kind::deferred, "4.3.0"}, Row{kKeeperFailed, Kind::deferred, "4.3.5"}}) {
    INFO(row.status);
    const auto verdict = judge_program({row.status, "so it says\x01", false}, order);
    CHECK(verdict.kind == row.kind);
    CHECK(verdict.text.starts_with(row.code));
    CHECK(verdict.text.find("so it says") != std::string::npos);
    CHECK(verdict.text.find('\x01') == std::string::npos);
  }
  CHECK(judge_program({0, "x", true}, order).kind == Kind::deferred);
}

TEST_CASE("the list of programs") {
  const auto list =
      parse_program_list("! comment\n\nArchive user /usr/bin/archive -d %s\nx postmaster /bin/x\n");
  REQUIRE(list);
  REQUIRE(list->size() == 2);
  REQUIRE(find_program(*list, "ARCHIVE") != nullptr);
  CHECK(find_program(*list, "archive")->arguments == std::vector<std::string>{"-d", "%s"});
  CHECK(find_program(*list, "y") == nullptr);
  for (const char* bad : {"x", "x user", "x user bin/x", "x user -x", "x user /bin/x\nX user /bin/x",
                          "-x user /bin/x", "x%y user /bin/x", "x us/er /bin/x"}) {
    INFO(bad);
    const auto parsed = parse_program_list(bad);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().text.find("config/programs:") != std::string::npos);
  }
  // The system would start /bin/x, whatever stands behind.
  CHECK_FALSE(parse_program_list(std::string_view("x user /bin/x\0y", 15)));
}
