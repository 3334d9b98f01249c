#include "tools/imsimta/qm_complete.h"

#include <catch2/catch.hpp>

#include "common/base/strings.h"

using namespace waxwing;
using namespace waxwing::imsimta;

namespace {

const std::vector<std::string> kUsages{
    "directory [-held] [-from=text] [-match=and|or] [channel]",
    "delete [-channel=name] [-all] [-confirm|-noconfirm] [id ...]",
    "date",
    "top [-by=host|age|status...] [channel]",
    "help [command]",
    "counters [show|clear] [channel]",
};

std::string complete(std::string_view typed) {
  const auto found = complete_typed(typed, kUsages, [] {
    return std::vector<std::string>{"tcp_local", "tcp_lmtp", "native", "ims-ms"};
  });
  return found.common + ":" + join(found.choices, " ") + (found.final ? "." : "");
}

}  // namespace

TEST_CASE("the first word is a command, and so is that after help") {
  CHECK(complete("di") == "directory:directory.");
  CHECK(complete("DI") == "directory:directory.");
  CHECK(complete("d") == "d:date delete directory");
  CHECK(complete("  de") == "delete:delete.");
  CHECK(complete("") == ":counters date delete directory help top");
  CHECK(complete("help to") == "top:top.");
  CHECK(complete("help top ") == ":");
  CHECK(complete("x") == ":");
}

TEST_CASE("behind a command come its qualifiers and their values, as its usage shows them") {
  CHECK(complete("directory -h") == "-held:-held.");
  CHECK(complete("directory -") == "-:-from= -held -match=and -match=or");
  CHECK(complete("directory -f") == "-from=:-from=");
  CHECK(complete("directory -m") == "-match=:-match=and -match=or");
  CHECK(complete("directory -held -match=o") == "-match=or:-match=or.");
  CHECK(complete("delete -") == "-:-all -channel= -confirm -noconfirm");
  CHECK(complete("top -by=s") == "-by=status:-by=status.");
  CHECK(complete("nothing -h") == ":");
  CHECK(complete("counters sh") == "show:show.");
  CHECK(complete("counters n") == "native:native.");
}

TEST_CASE("names of channels, where a command takes one") {
  CHECK(complete("directory ") == ":ims-ms native tcp_lmtp tcp_local");
  CHECK(complete("directory -held tcp") == "tcp_l:tcp_lmtp tcp_local");
  CHECK(complete("top na") == "native:native.");
  CHECK(complete("delete -channel=i") == "-channel=ims-ms:-channel=ims-ms.");
  CHECK(complete("delete n") == ":");
  CHECK(complete("date n") == ":");
  bool asked = false;
  complete_typed("directory -h", kUsages, [&] {
    asked = true;
    return std::vector<std::string>();
  });
  CHECK_FALSE(asked);
}
