#include "mta/config/conversions.h"

#include <catch2/catch.hpp>

using namespace waxwing;
using namespace waxwing::mta;

namespace {

struct Read {
  Conversions conversions;
  std::vector<std::string> errors, warnings;
};

Read read(const std::string& text) {
  SourceSet sources;
  sources.set_file("conversions", text);
  Read result;
  result.conversions = Conversions::parse(sources, "conversions", result.errors, result.warnings);
  return result;
}

}  // namespace

TEST_CASE("conversions: entries end at a line without a semicolon, or an empty one") {
  const auto got = read(
      "! scanner\n"
      "in-chan=tcp_*; IN-TYPE=*;\n"
      "  parameter-symbol-0=NAME; parameter-copy-0=*;\n"
      "  command=\"/bin/scan 'INPUT_FILE'; echo \\\"done\\\"\"\n"
      "in-type=image; delete=1;\n"
      "\n"
      "service-command=/bin/whole \\\n"
      "    -x; tag=a*\n");
  CHECK(got.errors.empty());
  CHECK(got.warnings.empty());
  REQUIRE(got.conversions.entries().size() == 3);
  const auto& scanner = got.conversions.entries()[0];
  CHECK(scanner.where() == "conversions:2");
  CHECK(scanner.text("command") == "/bin/scan 'INPUT_FILE'; echo \"done\"");
  CHECK(scanner.text("parameter-symbol-0") == "NAME");
  CHECK(scanner.numbers("parameter-symbol") == std::vector<unsigned>{0});
  CHECK(scanner.fits("in-channel", "TCP_local"));
  CHECK_FALSE(scanner.fits("in-channel", "ims-ms"));
  CHECK(scanner.fits("out-channel", "anything"));
  CHECK(got.conversions.entries()[1].flag("delete"));
  CHECK(got.conversions.entries()[2].text("service-command") == "/bin/whole -x");
  CHECK_FALSE(got.conversions.entries()[2].fits("tag", "b"));
}

TEST_CASE("conversions: what is wrong is told with its line") {
  struct Row {
    const char* text;
    const char* says;
  };
  for (const auto& row : {Row{"delete=1; in-tpye=x", "conversions:1: unknown clause \"in-tpye\""},
                          Row{"\ndelete", "conversions:2: \"delete\" is not of the form name=value"},
                          Row{"delete=1; delete=0", "delete is there twice"},
                          Row{"delete=1; in-chan=a; in-channel=b", "in-channel is there twice"},
                          Row{"command=\"x; delete=1", "a quote is opened and not closed"},
                          Row{"command=x; out-mode=sideways", "out-mode takes block, record, text"},
                          Row{"command=x; in-parameter-name=a", "unknown clause"},
                          Row{"command=x; in-parameter-name-=a", "unknown clause"},
                          Row{"command=x; command-1=y", "unknown clause"}}) {
    INFO(row.text);
    const auto got = read(row.text);
    REQUIRE(got.errors.size() == 1);
    CHECK(got.errors[0].find(row.says) != std::string::npos);
  }
  CHECK(read("in-type=image\n").warnings.size() == 1);
  CHECK(read("").conversions.entries().empty());
}
