#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "common/base/strings.h"
#include "mta/config/imta_cnf.h"
#include "mta/config/mta_config.h"

using namespace waxwing;
using namespace waxwing::mta;

namespace {

struct Parsed {
  ImtaCnf cnf;
  std::vector<std::string> errors, warnings;
  const Channel& channel(std::string_view name) const {
    for (const auto& each : cnf.channels)
      if (each.name() == name) return each;
    throw std::runtime_error("no channel " + std::string(name));
  }
  bool complains(std::string_view where, std::string_view what) const {
    for (const auto& error : errors)
      if (error.starts_with(where) && error.find(what) != std::string::npos) return true;
    return false;
  }
};

Parsed parse(std::string text, std::string include = "") {
  SourceSet sources;
  sources.set_file("imta.cnf", std::move(text));
  if (!include.empty()) sources.set_file("more.rules", std::move(include));
  sources.set_symbol("IMTA_HOST", "mail.example.com");
  sources.set_symbol("IMTA_DEFAULTDOMAIN", "example.com");
  Parsed result;
  result.cnf = parse_imta_cnf(sources, result.errors, result.warnings);
  return result;
}

const std::string kRules = ". $U%$H@out-daemon\n\n";
const std::string kLocal = kRules + "l\n&/IMTA_HOST/\n\n";

std::string file(const char* path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace

TEST_CASE("the keyword table is whole: names and order, one usual keyword a group") {
  std::set<std::string_view> names;
  std::map<std::string_view, int> usual;
  std::size_t at = 0;
  for (const auto& spec : keyword_table()) {
    CHECK(static_cast<std::size_t>(spec.id) == at++);
    CHECK(names.insert(spec.name).second);
    CHECK(spec.name.size() <= 32);
    CHECK(find_keyword(to_upper(spec.name)) == &spec);
    if (spec.usual) CHECK((++usual[spec.group] == 1 || spec.group.empty()));
    if (spec.usual) CHECK(spec.state == KeywordState::implemented);
  }
  CHECK(find_keyword("nosuchword") == nullptr);
}

const std::pair<KeywordState, const char*> kSays[] = {
    {KeywordState::not_yet, "No effect yet."},
    {KeywordState::inherent, "Always so."},
    {KeywordState::filters, "It waits for the filter engine."},
    {KeywordState::refused, "Not supported, because "},
};

TEST_CASE("imta.cnf(5) lists every keyword with its arguments and state") {
  const auto page = file("man/imta.cnf.5");
  REQUIRE(!page.empty());
  for (const auto& spec : keyword_table()) {
    std::string line = ".It Cm " + std::string(spec.name);
    for (const auto word : split_words(args_text(spec.args)))
      line += (word == "..." ? " " : " Ar ") + std::string(word);
    INFO(line);
    const auto place = page.find(line + "\n");
    REQUIRE(place != std::string::npos);
    const auto entry = page.substr(place, page.find("\n.It", place + 1) - place);
    CHECK(replace_all(entry, "\n", " ").find(std::string(spec.help.substr(0, 30))) != std::string::npos);
    for (const auto& [state, says] : kSays)
      CHECK((entry.find(says) != std::string::npos) == (spec.state == state));
  }
}

TEST_CASE("channel blocks: tag, hosts, arguments, defaults") {
  const auto p =
      parse(kRules +
            "defaults notices 1 2 4 7 maxjobs 7 defaulthost a.example b.example logging\n\n"
            "l\n&/IMTA_HOST/\nalias.example\n\n"
            "tcp_local smtp mx single_sys backoff pt5m pt1h pool SMTP_POOL maxjobs 3\ntcp-daemon\n\n"
            "nodefaults\n\n"
            "hold\nhold-daemon\nold.example new.example\n");
  INFO(join(p.errors, "\n"));
  REQUIRE(p.errors.empty());
  const auto& tcp = p.channel("tcp_local");
  CHECK(tcp.tag() == "tcp-daemon");
  CHECK(tcp.number(Kw::maxjobs, 0) == 3);
  CHECK(tcp.numbers(Kw::notices) == std::vector<std::int64_t>{1, 2, 4, 7});
  CHECK(tcp.seconds(Kw::backoff) == std::vector<std::int64_t>{300, 3600});
  CHECK(tcp.word(Kw::defaulthost) == "a.example");
  CHECK(tcp.word(Kw::defaulthost, 1) == "b.example");
  CHECK(tcp.word(Kw::pool) == "SMTP_POOL");
  CHECK(tcp.is(Kw::smtp_crlf));
  CHECK_FALSE(tcp.is(Kw::nosmtp));
  CHECK(tcp.is(Kw::single_sys));
  CHECK_FALSE(tcp.is(Kw::multiple));
  CHECK(p.channel("l").hosts().contains("alias.example"));
  const auto& hold = p.channel("hold");
  CHECK(hold.number(Kw::maxjobs, -1) == -1);
  CHECK(hold.hosts().at("old.example") == "new.example");
  CHECK(hold.is(Kw::multiple));
  CHECK(hold.is(Kw::nosmtp));
}

TEST_CASE("keywords of a group: the last wins, and words that stand for two") {
  const auto p = parse(kLocal +
                       "a maytls notlsclient nomx mx musttlsserver\na-daemon\n\n"
                       "b musttls maysasl TLSSWITCHCHANNEL a staff\nb-daemon\n");
  INFO(join(p.errors, "\n"));
  REQUIRE(p.errors.empty());
  const auto& a = p.channel("a");
  CHECK(a.is(Kw::notlsclient));
  CHECK_FALSE(a.is(Kw::maytlsclient));
  CHECK(a.is(Kw::musttlsserver));
  CHECK_FALSE(a.is(Kw::maytlsserver));
  CHECK(a.is(Kw::mx));
  CHECK_FALSE(a.is(Kw::nomx));
  const auto& b = p.channel("b");
  CHECK(b.is(Kw::musttlsclient));
  CHECK(b.is(Kw::maysaslserver));
  CHECK(b.word(Kw::tlsswitchchannel) == "a");
  CHECK(b.group_ids() == std::vector<std::string>{"staff"});
  REQUIRE(p.warnings.size() == 1);
  CHECK(p.warnings[0].find("group id") != std::string::npos);
}

TEST_CASE("no keyword is without an effect") {
  for (const auto& spec : keyword_table()) {
    INFO(spec.name);
    CHECK(spec.state != KeywordState::not_yet);
  }
}

TEST_CASE("few keywords are refused, and each tells why; what waits for the filter engine says so") {
  std::size_t refused = 0;
  for (const auto& spec : keyword_table()) {
    if (spec.state != KeywordState::refused && spec.state != KeywordState::filters) continue;
    const auto words = std::string(spec.name) + (spec.args == KeywordArgs::none     ? ""
                                                 : spec.args == KeywordArgs::number ? " 1"
                                                                                    : " one");
    const auto p = parse(kLocal + "a " + words + "\na-daemon\n");
    INFO(words);
    if (spec.state == KeywordState::refused) {
      ++refused;
      CHECK(p.complains("imta.cnf:6:", "not supported, because " + std::string(spec.help)));
    } else {
      REQUIRE(p.errors.empty());
      REQUIRE(!p.warnings.empty());
      CHECK(p.warnings[0].find("waits for the filter engine") != std::string::npos);
    }
  }
  CHECK(refused > 0);
  CHECK(refused <= 15);
}

TEST_CASE("errors of imta.cnf name file, line and mend") {
  struct Case {
    std::string text;
    std::string where, what;
  };
  const Case cases[] = {
      {"onlypattern\n\nl\nx\n", "imta.cnf:1:", "template is missing"},
      {"a b c\n\nl\nx\n", "imta.cnf:1:", "more than two words"},
      {"a $U%$D$\n\nl\nx\n", "imta.cnf:1:", "lone $"},
      {"a $U$k\n\nl\nx\n", "imta.cnf:1:", "unknown sequence $k"},
      {"! c\na $U%$[lib,routine]@y\n\nl\nx\n", "imta.cnf:2:", "$[library.so,routine,argument]"},
      {"a $U%$()@y\n\nl\nx\n", "imta.cnf:1:", "general database"},
      {"a ${x$U%b\n\nl\nx\n", "imta.cnf:1:", "not closed by }"},
      {"a.*.b $U%$D\n\nl\nx\n", "imta.cnf:1:", "whole label"},
      {kLocal + "tcp_local maxjobs many\ntcp-daemon\n", "imta.cnf:6:", "needs an argument"},
      {kLocal + "tcp_local maxjobs\ntcp-daemon\n", "imta.cnf:6:", "needs an argument"},
      {kLocal + "TCP\ntcp-daemon\n", "imta.cnf:6:", "no channel name"},
      {kLocal + "tcp_local smtp\n", "imta.cnf:6:", "no official host name"},
      {kLocal + "a\nx-daemon\n\na\ny-daemon\n", "imta.cnf:9:", "there twice"},
      {kLocal + "a\nx-daemon\n\nb\nx-daemon\n", "imta.cnf:9:", "belongs to two channels"},
      {kRules + "tcp_local\nx\n\nl\ny\n", "imta.cnf:3:", "first channel must be l"},
      {kLocal + "a smtp\na b c\n", "imta.cnf:7:", "expected a host name"},
      {"<gone.rules\n" + kLocal, "imta.cnf:1:", "gone.rules"},
      {"<../secrets.conf\n" + kLocal, "imta.cnf:1:", "not in the config directory"},
      {"&/NO_SUCH/ $U%$D\n" + kLocal, "imta.cnf:1:", "unknown symbol"},
      {"\n\n\n", "imta.cnf:", "no channel blocks"},
  };
  for (const auto& each : cases) {
    const auto p = parse(each.text);
    INFO(each.text << "\n----\n" << join(p.errors, "\n"));
    CHECK(p.complains(each.where, each.what));
  }
}

TEST_CASE("includes, symbols, comments and continued lines") {
  const auto p = parse(
      "! comment\n<IMTA_TABLE:more.rules\n&/IMTA_DEFAULTDOMAIN/ $U%$D@&/IMTA_HOST/\n"
      ".old $U%\\\n  $H.new\n\nl defaulthost \\\n   &/IMTA_DEFAULTDOMAIN/\n! in a block\n&/IMTA_HOST/\n",
      "first.example $U%$D@mail.example.com\n");
  INFO(join(p.errors, "\n"));
  REQUIRE(p.errors.empty());
  REQUIRE(p.cnf.rules.find("first.example").size() == 1);
  CHECK(p.cnf.rules.find("first.example")[0].where == "more.rules:1");
  CHECK(p.cnf.rules.find("example.com").size() == 1);
  CHECK(p.cnf.rules.find(".old")[0].source == "$U%$H.new");
  CHECK(p.channel("l").word(Kw::defaulthost) == "example.com");
}

TEST_CASE("an include that includes itself is told, not followed for ever") {
  const auto p = parse("<more.rules\n" + kLocal, "<more.rules\n");
  CHECK(p.complains("more.rules:1:", "include itself"));
}

TEST_CASE("broken imta.cnf never crashes and never takes effect silently") {
  const auto good = file("etc/config/imta.cnf");
  REQUIRE(!good.empty());
  unsigned state = 7;
  const auto random = [&] { return state = state * 1103515245 + 12345, state >> 8; };
  for (int round = 0; round < 400; ++round) {
    auto text = good;
    for (unsigned i = 0; i < 1 + random() % 8; ++i) {
      const auto at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text.erase(at, 1 + random() % 40);
          break;
        case 1:
          text.insert(at, std::string(1 + random() % 3, "$%@*{}[]()|\\\n\0<&~"[random() % 18]));
          break;
        case 2:
          text[at] = static_cast<char>(random());
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 100));
      }
      if (text.empty()) text = "x";
    }
    const auto p = parse(text);
    for (const auto& error : p.errors) CHECK(is_utf8(error));
  }
}

// "Implemented" is a promise: somewhere outside the table the keyword must be asked for.
TEST_CASE("every keyword that is called implemented is asked for by some code") {
  std::string code;
  for (const auto* room : {"mta", "smtpd", "dispatcher", "job_controller", "channels", "lmtpd"}) {
    if (!std::filesystem::exists(room)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(room))
      if (entry.path().extension() == ".cc" || entry.path().extension() == ".h")
        code += file(entry.path().c_str());
  }
  std::set<std::string, std::less<>> asked;
  for (auto at = code.find("Kw::"); at != std::string::npos; at = code.find("Kw::", at + 4)) {
    const auto end = code.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_", at + 4);
    asked.insert(code.substr(at + 4, end - at - 4));
  }
  // These hold by the nature of the program: it always does so.
  const std::set<std::string_view> natural = {"smtp_crlf", "lmtp_crlf", "disableetrn", "pipelining",
                                              "eightbit"};
  for (const auto& spec : keyword_table()) {
    if (spec.state != KeywordState::implemented || spec.usual || natural.contains(spec.name)) continue;
    if (!keyword_means(spec.id).empty()) continue;
    INFO(spec.name);
    // 733 is no name in C++.
    const auto id = is_digit(spec.name[0]) ? "k" + std::string(spec.name) : std::string(spec.name);
    CHECK(asked.contains(id));
  }
}

TEST_CASE("the configuration that is installed uses nothing that has no effect") {
  std::vector<std::string> errors, warnings;
  SourceSet sources;
  sources.set_file("imta.cnf", file("etc/config/imta.cnf"));
  sources.set_file("local.rules", file("etc/config/local.rules"));
  sources.set_file("mappings",
                   replace_all(file("etc/config/mappings"), "@INTERNAL_IP@", "  $(127.0.0.0/8)  $Y"));
  sources.set_file("aliases", file("etc/config/aliases"));
  sources.set_file("option.dat", file("etc/config/option.dat"));
  sources.set_symbol("IMTA_HOST", "mail.example.com");
  sources.set_symbol("IMTA_DEFAULTDOMAIN", "example.com");
  const auto config = MtaConfig::parse(sources);
  INFO((config ? "" : config.error().text));
  REQUIRE(config);
  CHECK(join((*config)->warnings(), "\n") == "");
}
