#include <catch2/catch.hpp>

#include "common/base/strings.h"
#include "mta/config/mappings.h"

using namespace waxwing;
using namespace waxwing::mta;

namespace {

Mappings parse(std::string text, std::vector<std::string>& errors) {
  SourceSet sources;
  sources.set_file("mappings", std::move(text));
  return Mappings::parse(sources, "mappings", errors);
}

}  // namespace

TEST_CASE("patterns") {
  struct Case {
    const char* pattern;
    const char* input;
    const char* saved;  // "-" no match; else the texts with / between
  };
  const Case cases[] = {
      {"abc", "ABC", ""},
      {"abc", "abcd", "-"},
      {"*", "", ""},
      {"a*c", "abbc", "bb"},
      {"*|*", "a|b|c", "a|b/c"},    // greedy
      {"$_*|*", "a|b|c", "a/b|c"},  // lazy
      {"%%", "xy", "x/y"},
      {"%", "", "-"},
      {"$*$%$$$ x", "*%$ x", ""},
      {"$A*$D*", "abc123", "abc/123"},
      {"$B*2", "01012", "0101"},
      {"$B*2", "01312", "-"},
      {"$H%$X%", "fG", "-"},
      {"$H%$X%", "fA", "f/A"},
      {"$O*", "0178", "-"},
      {"$S*", "a_$9", "a_$9"},
      {"a$T*b", "a \tb", " \t"},
      {"$[a-cx]*", "cabx", "cabx"},
      {"$[a-cx]*", "cabd", "-"},
      {"$[^a-c]%", "D", "D"},
      {"$[^a-c]%", "B", "-"},
      {"*=$0*", "ab=AB", "ab"},
      {"*=$0*", "ab=ac", "-"},
      {"$@*|$^*", "a|b", "b"},
      {"$(10.1.2.3/8)", "10.200.1.1", ""},
      {"$(10.1.2.3/8)", "11.0.0.1", "-"},
      {"$(192.0.2.80/28)", "192.0.2.95", ""},
      {"$(192.0.2.80/28)", "192.0.2.96", "-"},
      {"$(127.0.0.1)", "127.0.0.1", ""},
      {"$(0.0.0.0/0)", "nonsense", "-"},
      {"TCP|*|$(10.0.0.0/8)|*", "TCP|25|10.1.1.1|99", "25/99"},
      {"${2001:db8::/32}", "2001:db8:1::5", ""},
      {"${2001:db8::/32}", "2001:db9::5", "-"},
  };
  for (const auto& each : cases) {
    INFO(each.pattern << " on " << each.input);
    const auto pattern = compile_pattern(each.pattern);
    REQUIRE(pattern);
    std::vector<std::string_view> saved;
    if (!match_pattern(*pattern, each.input, saved)) {
      CHECK(std::string(each.saved) == "-");
      continue;
    }
    std::string joined;
    for (std::size_t i = 0; i < saved.size(); ++i) joined += (i ? "/" : "") + std::string(saved[i]);
    CHECK(joined == each.saved);
  }
}

TEST_CASE("bad patterns and templates are refused") {
  for (const auto* bad : {"a$", "$Q*", "$A", "$[abc", "$[z-a]*", "$0*", "$(1.2.3/8)", "$(1.2.3.4/33)",
                          "${::/129}", "$(1.2.3.4"})
    CHECK_FALSE(compile_pattern(bad));
  for (const auto* bad : {"a$", "$[lib,routine]", "${text", "$|table|", "$|;x|", "$?x?", "$?200?", "$#BAD|1#",
                          "$#a|1|99#", "$]ldap:///", "$}dom{", "$:"})
    CHECK_FALSE(compile_map_template(bad));
}

TEST_CASE("a costly pattern gives up instead of hanging") {
  const auto pattern = compile_pattern("*a*a*a*a*a*a*a*a*a*a*b");
  REQUIRE(pattern);
  std::vector<std::string_view> saved;
  bool gave_up = false;
  CHECK_FALSE(match_pattern(*pattern, std::string(200, 'a'), saved, &gave_up, 100000));
  CHECK(gave_up);
}

TEST_CASE("the file: tables, comments, continued rows, quoted blanks") {
  std::vector<std::string> errors;
  const auto m = parse(
      "! top\nFIRST\n\n  a$ b   x$ y \n  ! inside\n  *  one\\\n     two\n\nsecond\n\n  *  $|FIRST;$0|$Y\n",
      errors);
  INFO(join(errors, "\n"));
  REQUIRE(errors.empty());
  REQUIRE(m.table("first") != nullptr);
  REQUIRE(m.table("FIRST")->rows().size() == 2);
  CHECK(m.table("FIRST")->rows()[0].pattern_text == "a$ b");
  CHECK(m.table("FIRST")->rows()[0].template_text == "x$ y");
  CHECK(m.table("FIRST")->rows()[1].template_text == "onetwo");
  CHECK(m.table("SECOND")->rows()[0].where == "mappings:11");
  CHECK(m.table("none") == nullptr);
}

TEST_CASE("errors of mappings name line and mend") {
  std::vector<std::string> errors;
  parse("  * x\nT\n\n  $Q* x\n  * $|NONE;x|$Y\nnot a table\nT\n\n * y\n", errors);
  const auto all = join(errors, "\n");
  INFO(all);
  CHECK(all.find("mappings:1: a row before any table") != std::string::npos);
  CHECK(all.find("mappings:4: unknown sequence $Q") != std::string::npos);
  CHECK(all.find("mappings:5: $|none;...| calls a table that is not there") != std::string::npos);
  CHECK(all.find("mappings:6: \"not a table\" begins in column 1") != std::string::npos);
  CHECK(all.find("mappings:7: table T is there twice") != std::string::npos);
}

TEST_CASE("broken mappings never crash") {
  const std::string good =
      "PORT_ACCESS\n\n  TCP|*|25|$(10.0.0.0/8)|*  $C$|INTERNAL_IP;$3|$Y$E\n  *  $YEXTERNAL\n\n"
      "INTERNAL_IP\n\n  ${::1/128}  $Y$:A$?10?$]ldap:///$=$0?mail?sub?(x)[\n";
  unsigned state = 3;
  const auto random = [&] { return state = state * 1103515245 + 12345, state >> 8; };
  for (int round = 0; round < 2000; ++round) {
    auto text = good;
    for (unsigned i = 0; i < 1 + random() % 6; ++i)
      text[random() % text.size()] = static_cast<char>(random());
    std::vector<std::string> errors;
    const auto mappings = parse(text, errors);
    for (const auto& table : mappings.tables())
      for (const auto& row : table.rows()) {
        std::vector<std::string_view> saved;
        match_pattern(row.pattern, "TCP|1|25|10.1.1.1|99", saved, nullptr, 10000);
      }
  }
}
